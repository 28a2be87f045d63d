"""Scans of a block of items, against products of whole numbers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

from model.arrays import Codes, Floats, Keys, Rows
from model.scans import reach_four, reach_one, scan_four, scan_one
from model.vectors import CHUNK_BLOCKS, GROUP, LANES, QUERY_WORDS

SCANS = {1: scan_one, 4: scan_four}
REACHES = {1: reach_one, 4: reach_four}
N_BLOCKS, N_CHUNKS = 36, 3


class Scene(NamedTuple):
    """A block of items, and queries, at the ends of the ranges of their bytes."""

    blocks: Codes
    scales: Floats
    words: Rows
    expected: Floats
    """The estimates by the definition, shape (n_queries, n_items)."""


def scene_of(n_queries: int, n_groups: int) -> Scene:
    """Draw a scene; the eighth item is withdrawn."""
    rng = np.random.default_rng(0)
    items = rng.choice(np.array([1, 2, 77, 128, 200, 255], np.uint8), (N_BLOCKS, n_groups, LANES, GROUP))
    memory = np.zeros(items.size + 64, np.uint8)
    blocks = memory[-memory.ctypes.data % 64 :][: items.size].reshape(items.shape)
    blocks[:] = items
    queries = rng.choice(np.array([-127, -3, 0, 1, 127], np.int32), (n_queries, n_groups * GROUP))
    scales = rng.choice(np.array([0.5, 1, 2], np.float32), N_BLOCKS * LANES)
    scales[7] = np.nan
    signed = blocks.astype(np.int64).transpose(0, 2, 1, 3).reshape(N_BLOCKS * LANES, -1) - 128
    expected = (queries @ signed.T).astype(np.float32) * scales
    return Scene(blocks, scales, np.stack([words_of(query) for query in queries]), expected)


def words_of(query: Rows) -> Rows:
    """Return a query's words by the definition."""
    words = np.zeros(len(query) // GROUP * QUERY_WORDS + 1, np.int32)
    for group, four in enumerate(query.reshape(-1, GROUP)):
        words[group * QUERY_WORDS] = four.astype(np.int8).view(np.int32)[0]
        words[group * QUERY_WORDS + 1] = four[[0, 2]].astype(np.int16).view(np.int32)[0]
        words[group * QUERY_WORDS + 2] = four[[1, 3]].astype(np.int16).view(np.int32)[0]
    words[-1] = -128 * query.sum()
    return words


def run_of(scan: Any) -> Callable[..., None]:
    """Return a function of arrays that runs a scan."""

    @njit
    def run(blocks: Codes, scales: Floats, words: Rows, out: Floats, other: Floats | Keys) -> None:
        scan(
            blocks.ctypes.data, blocks.shape[0], blocks.shape[1], scales.ctypes.data, words.ctypes.data,
            words.strides[0], out.ctypes.data, out.strides[0], other.ctypes.data, other.strides[0],
        )  # fmt: skip

    scanned: Callable[..., None] = run
    return scanned


@pytest.mark.parametrize("n_queries", [1, 4])
@pytest.mark.parametrize("n_groups", [1, 2, 16, 33])
def test_a_scan_is_a_product_of_whole_numbers(n_queries: int, n_groups: int) -> None:
    """Exact at the ends of the ranges, whichever instruction the processor has; maxima are those of 16 blocks."""
    scene = scene_of(n_queries, n_groups)
    outs = np.zeros((n_queries, N_BLOCKS * LANES), np.float32)
    maxima = np.full((n_queries, N_CHUNKS * LANES), -np.inf, np.float32)

    run_of(SCANS[n_queries])(scene.blocks, scene.scales, scene.words, outs, maxima)

    np.testing.assert_array_equal(scene.expected, outs)
    padded = np.full((n_queries, N_CHUNKS * CHUNK_BLOCKS * LANES), -np.inf, np.float32)
    padded[:, : outs.shape[1]] = np.where(np.isnan(scene.expected), -np.inf, scene.expected)
    groups = padded.reshape(n_queries, N_CHUNKS, CHUNK_BLOCKS, LANES).max(axis=2)
    np.testing.assert_array_equal(groups.reshape(n_queries, -1), maxima)


@pytest.mark.parametrize("n_queries", [1, 4])
@pytest.mark.parametrize("n_groups", [1, 2, 16, 33])
def test_a_scan_with_bars_flags_the_estimates_that_reach_them(n_queries: int, n_groups: int) -> None:
    """One bit for each item, also for an estimate equal to the bar of its chunk; a withdrawn item has none."""
    scene = scene_of(n_queries, n_groups)
    bars = np.nanquantile(scene.expected, [0.9, 0.0, 0.5], axis=1, method="nearest").T.astype(np.float32)
    flags = np.zeros((n_queries, N_BLOCKS * LANES // 64), np.uint64)

    run_of(REACHES[n_queries])(scene.blocks, scene.scales, scene.words, np.ascontiguousarray(bars), flags)

    chunks = np.arange(N_BLOCKS * LANES) // (CHUNK_BLOCKS * LANES)
    expected = scene.expected >= bars[:, chunks]
    assert not expected[:, 7].any()
    np.testing.assert_array_equal(expected, np.unpackbits(flags.view(np.uint8), axis=1, bitorder="little"))
