"""Loops over whole registers, against their twins."""

from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

from model.arrays import Codes, Floats, Rows
from model.vectors import GROUP, LANES, QUERY_WORDS, dot, dots_plain, first_bit, reaching, scan_four, scan_one
from tests.support.hostile import hostile_vectors

SCANS = {1: scan_one, 4: scan_four}


@njit
def dot_of(one: Floats, other: Floats) -> np.float32:
    """Return a scalar product."""
    product: np.float32 = dot(one.ctypes.data, other.ctypes.data, len(one))
    return product


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 128])
def test_a_scalar_product_has_one_order_of_sums(n: int) -> None:
    """Bit for bit that of its twin, on any processor."""
    one, other = (
        hostile_vectors("scales", 50, n, np.random.default_rng(n)),
        (1 / np.arange(1, n + 1)).astype(np.float32),
    )

    products = [dot_of(vector, other) for vector in one]

    assert dots_plain(one, other).tolist() == products


def test_the_twin_is_a_scalar_product() -> None:
    """Of numbers whose sums are exact in any order."""
    one, other = np.arange(40, dtype=np.float32).reshape(2, 20), np.arange(20, dtype=np.float32)

    assert (one @ other).tolist() == dots_plain(one, other).tolist()


@pytest.mark.parametrize("n_queries", [1, 4])
@pytest.mark.parametrize("n_groups", [1, 2, 16, 33])
def test_a_scan_is_a_product_of_whole_numbers(n_queries: int, n_groups: int) -> None:
    """Exact at the ends of the ranges, whichever instruction the processor has; maxima are those of 16 blocks."""
    rng, n_blocks = np.random.default_rng(0), 35
    items = rng.choice(np.array([1, 2, 77, 128, 200, 255], np.uint8), (n_blocks, n_groups, LANES, GROUP))
    memory = np.zeros(items.size + 64, np.uint8)
    blocks = memory[-memory.ctypes.data % 64 :][: items.size].reshape(items.shape)
    blocks[:] = items
    queries = rng.choice(np.array([-127, -3, 0, 1, 127], np.int32), (n_queries, n_groups * GROUP))
    words = np.stack([words_of(query) for query in queries])
    scales = rng.choice(np.array([0.5, 1, 2], np.float32), n_blocks * LANES)
    scales[7] = np.nan
    outs = np.zeros((n_queries, n_blocks * LANES), np.float32)
    maxima = np.full((n_queries, 3 * LANES), -np.inf, np.float32)

    scan_with(n_queries)(blocks, n_blocks, n_groups, scales, words, outs, maxima)

    signed = blocks.astype(np.int64).transpose(0, 2, 1, 3).reshape(n_blocks * LANES, -1) - 128
    expected = (queries @ signed.T).astype(np.float32) * scales
    np.testing.assert_array_equal(expected, outs)
    padded = np.full((n_queries, 3 * 256), -np.inf, np.float32)
    padded[:, : outs.shape[1]] = np.where(np.isnan(expected), -np.inf, expected)
    np.testing.assert_array_equal(padded.reshape(n_queries, 3, 16, LANES).max(axis=2).reshape(n_queries, -1), maxima)


def words_of(query: Rows) -> Rows:
    """Return a query's words by the definition."""
    words = np.zeros(len(query) // GROUP * QUERY_WORDS + 1, np.int32)
    for group, four in enumerate(query.reshape(-1, GROUP)):
        words[group * QUERY_WORDS] = four.astype(np.int8).view(np.int32)[0]
        words[group * QUERY_WORDS + 1] = four[[0, 2]].astype(np.int16).view(np.int32)[0]
        words[group * QUERY_WORDS + 2] = four[[1, 3]].astype(np.int16).view(np.int32)[0]
    words[-1] = -128 * query.sum()
    return words


def scan_with(n_queries: int) -> Callable[..., None]:
    """Return a function of arrays that runs a scan."""
    scan = SCANS[n_queries]

    @njit
    def run(
        blocks: Codes, n_blocks: int, n_groups: int, scales: Floats, words: Rows, outs: Floats, maxima: Floats
    ) -> None:
        scan(
            blocks.ctypes.data, n_blocks, n_groups, scales.ctypes.data, words.ctypes.data, words.strides[0],
            outs.ctypes.data, outs.strides[0], maxima.ctypes.data, maxima.strides[0],
        )  # fmt: skip

    scanned: Callable[..., None] = run
    return scanned


@njit
def places_reaching(values: Floats, bar: np.float32) -> list[int]:
    """Return the places of 64 values that are at least a bar."""
    bits, places = reaching(values.ctypes.data, bar), [-1]
    while bits:
        places.append(first_bit(bits))
        bits &= bits - np.uint64(1)
    return places[1:]


@pytest.mark.parametrize("bar", [-np.inf, -1.0, 0.0, 0.5, np.inf])
def test_values_that_reach_a_bar(bar: float) -> None:
    """A bit for each, in order; NaN reaches nothing."""
    values = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    values[[0, 5, 63]] = -np.inf, np.nan, 0.5

    assert np.flatnonzero(values >= np.float32(bar)).tolist() == places_reaching(values, np.float32(bar))
