"""One block of items scanned for a batch of users: estimates of all scores, and the scores of items in doubt."""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Doubles, Floats, Keys, Rows, Starts
from model.candidates import candidate_of, cut, score_bits_of
from model.estimates import doubtful_rows, first_bar, leave_out, write_scales
from model.item_codes import CHUNK, ItemCodes, write_errors
from model.vectors import LANES, TOGETHER, dot, scan_four, scan_one

ENOUGH = 3
"""Queries that are scanned together: four take as long as two one after the other."""


class Batch(NamedTuple):
    """Users whose lists are being made; those that further items can still serve come first."""

    who: Starts  # (users,), their places in the lists
    words: Rows  # (users, words), as `encode_query` writes them
    sizes: Doubles  # (users, 3): its scale, its length, and that of the error of its bytes
    candidates: Keys  # (users, candidates), by place in the lists
    counts: Starts  # (users,), of candidates
    bars: Floats  # (users,): n items reach it; -inf while there are not as many


class Space(NamedTuple):
    """Memory of one block."""

    outs: Floats  # (4, width): estimates
    maxima: Floats  # (4, groups): the best estimate of each group, 16 items of a chunk that lie 16 rows apart
    scales: Floats  # (width,)
    errors: Floats  # (chunks,)
    rows: Rows  # (width,): those to be scored
    scores: Floats  # (width,)


@njit
def _add(scores: Floats, rows: Rows, batch: Batch, u: int, n: int) -> None:
    """Add items to a user's candidates."""
    bits, candidates, count, bar = scores.view(np.uint32), batch.candidates[u], batch.counts[u], batch.bars[u]
    for i in range(len(rows)):
        if scores[i] >= bar and scores[i] > -np.inf:
            candidates[count] = candidate_of(bits[i], rows[i])
            count += 1
            if count == len(candidates):
                cut(candidates, count, n)
                count = n
                bar = worst(candidates, n, scores)
    batch.counts[u], batch.bars[u] = count, bar


@njit
def worst(candidates: Keys, n: int, space: Floats) -> np.float32:
    """Return the least score of the first n candidates."""
    before = space[0]
    space[:1].view(np.uint32)[0] = score_bits_of(candidates[:n].min())
    score: np.float32 = space[0]
    space[0] = before
    return score


@njit
def _take(
    batch: Batch,
    i: int,
    items: tuple[Floats, ItemCodes],
    known_rows: Rows,
    space: Space,
    k: int,
    rows: tuple[int, int],
    n: int,
    queries: Floats,
) -> None:
    """Take the estimates of a block into the candidates of one user."""
    u, scale = batch.who[i], batch.sizes[i, 0]
    first, width = rows[0], rows[1] - rows[0]
    n_chunks = -(-width // CHUNK)
    out, maxima, errors = space.outs[k][:width], space.maxima[k][: n_chunks * LANES], space.errors[:n_chunks]
    chunks = slice(first // CHUNK, first // CHUNK + n_chunks)
    write_errors(
        (scale, batch.sizes[i, 1], batch.sizes[i, 2]),
        queries.shape[1],
        (items[1].errors[chunks], items[1].lengths[chunks]),
        errors,
    )
    leave_out(out, maxima, known_rows, first)
    bar = np.float64(batch.bars[u]) / scale
    if bar == -np.inf:
        bar = np.float64(first_bar(maxima, errors, n))
    count = doubtful_rows(out, errors, bar, first, space.rows)
    query, factors = queries[u].ctypes.data, items[0]
    address, size = factors.ctypes.data, factors.strides[0]
    for j in range(count):
        space.scores[j] = dot(query, address + size * space.rows[j], factors.shape[1])
    _add(space.scores[:count], space.rows[:count], batch, u, n)


@njit
def rank_block(
    batch: Batch,
    alive: int,
    items: tuple[Floats, ItemCodes],
    known: tuple[Starts, Rows, Rows],
    space: Space,
    rows: tuple[int, int],
    n: int,
    queries: Floats,
) -> None:
    """Scan a block for all users that it can serve, four at a time."""
    starts, known_rows, withdrawn_rows = known
    codes = items[1]
    first, width = rows[0], rows[1] - rows[0]
    scales = codes.scales[first:].ctypes.data
    if write_scales(codes.scales[first : rows[1]], withdrawn_rows, first, space.scales[:width]):
        scales = space.scales.ctypes.data
    i = 0
    while i < alive:
        together = min(TOGETHER, alive - i) if alive - i >= ENOUGH else 1
        space.maxima[:] = -np.inf
        arguments = (
            codes.blocks[first // LANES :].ctypes.data,
            width // LANES,
            codes.blocks.shape[1],
            scales,
            batch.words[i:].ctypes.data,
            batch.words.strides[0],
            space.outs.ctypes.data,
            space.outs.strides[0],
            space.maxima.ctypes.data,
            space.maxima.strides[0],
        )
        if together > 1:
            scan_four(*arguments)
        else:
            scan_one(*arguments)
        for k in range(together):
            u = batch.who[i + k]
            _take(batch, i + k, items, known_rows[starts[u] : starts[u + 1]], space, k, rows, n, queries)
        i += together
