"""One block of items scanned for a batch of users, and the scores of the items in doubt.

The first block gives estimates of all scores, by which the first bars are found. Beyond it nearly no item reaches the
bar, so the scan compares by itself, where the sums are, and gives a bit for each item instead of four bytes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Doubles, Floats, Keys, Rows, Starts
from model.candidates import candidate_of, cut, score_bits_of
from model.estimates import doubtful_rows, first_bar, flagged_rows, least_estimate, leave_out, write_scales
from model.item_codes import CHUNK, ItemCodes, write_errors
from model.scans import TOGETHER, reach_four, reach_one, scan_four, scan_one
from model.vectors import ALIGNMENT, LANES, QUERY_WORDS, TESTED, dot

ENOUGH = 3
"""Queries that are scanned together: four take as long as two one after the other."""


USERS = 128
"""Queries that share the blocks of items that are in a core's cache."""
WIDTH = 40 * CHUNK
"""Items in a block: 640 KB of bytes for 64 factors, which stay in a core's second cache."""


class Batch(NamedTuple):
    """Users whose lists are being made; those that further items can still serve come first."""

    who: Starts  # (users,), their places in the lists
    words: Rows  # (users, words), as `encode_query` writes them
    sizes: Doubles  # (users, 3): its scale, its length, and that of the error of its bytes
    candidates: Keys  # (users, candidates), by place in the lists
    counts: Starts  # (users,), of candidates
    bars: Floats  # (users,): as many items as a list has reach it; -inf while there are not as many


class Space(NamedTuple):
    """Memory of one block."""

    outs: Floats  # (4, width): estimates
    maxima: Floats  # (4, groups): the best estimate of each group, 16 items of a chunk that lie 16 rows apart
    scales: Floats  # (width,)
    errors: Floats  # (chunks,)
    bars: Floats  # (4, chunks): the least estimates of items in doubt
    flags: Keys  # (4, width / 64): a bit for each item in doubt
    rows: Rows  # (width,): those to be scored
    scores: Floats  # (width,)


class Block(NamedTuple):
    """The items of a block."""

    factors: Floats  # of all items
    codes: ItemCodes  # of all items
    first: int  # row
    width: int
    scales: int  # address: those of its items, NaN for withdrawn ones


@njit
def make_batch(users: int, n_groups: int, n: int) -> Batch:
    """Return memory for users with lists of at most n items."""
    return Batch(
        np.empty(users, np.int64),
        np.empty((users + TOGETHER, n_groups * QUERY_WORDS + 1), np.int32),
        np.empty((users, 3), np.float64),
        np.empty((users, max(4 * n, 256)), np.uint64),
        np.empty(users, np.int64),
        np.empty(users, np.float32),
    )


@njit
def make_space(users: int, width: int) -> Space:
    """Return memory for blocks of so many items."""
    n_chunks = -(-width // CHUNK)
    return Space(
        _aligned(TOGETHER if users >= ENOUGH else 1, width),
        _aligned(TOGETHER, n_chunks * LANES),
        np.empty(width, np.float32),
        np.empty(n_chunks, np.float32),
        np.empty((TOGETHER, n_chunks), np.float32),
        np.empty((TOGETHER, width // TESTED), np.uint64),
        np.empty(width, np.int32),
        np.empty(max(width, 1), np.float32),
    )


@njit
def _aligned(n_rows: int, width: int) -> Floats:
    """Return memory for rows of floats that begin where a line of the cache does; the width is a multiple of it."""
    memory = np.empty(n_rows * width + ALIGNMENT // 4, np.float32)
    offset = -(memory.ctypes.data // 4) % (ALIGNMENT // 4)
    return memory[offset : offset + n_rows * width].reshape((n_rows, width))


@njit
def block_of(items: tuple[Floats, ItemCodes], withdrawn_rows: Rows, rows: tuple[int, int], space: Space) -> Block:
    """Return the block of some rows, without withdrawn ones."""
    codes, first, width = items[1], rows[0], rows[1] - rows[0]
    scales = codes.scales[first:].ctypes.data
    if write_scales(codes.scales[first : rows[1]], withdrawn_rows, first, space.scales[:width]):
        scales = space.scales.ctypes.data
    return Block(items[0], codes, first, width, scales)


@njit
def add(scores: Floats, rows: Rows, batch: Batch, u: int, n: int) -> None:
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
def score_rows(block: Block, query: Floats, rows: Rows, scores: Floats) -> None:
    """Write the scores of some rows."""
    address, size, factors = block.factors.ctypes.data, block.factors.strides[0], block.factors.shape[1]
    for j in range(len(rows)):
        scores[j] = dot(query.ctypes.data, address + size * rows[j], factors)


@njit
def block_errors(block: Block, sizes: Doubles, space: Space) -> Floats:
    """Write and return how far off the estimates of each chunk may be, in units of a query's scale."""
    chunks = slice(block.first // CHUNK, -(-(block.first + block.width) // CHUNK))
    errors = space.errors[: chunks.stop - chunks.start]
    bounds = block.codes.errors[chunks], block.codes.lengths[chunks]
    write_errors((sizes[0], sizes[1], sizes[2]), block.factors.shape[1], bounds, errors)
    return errors


@njit
def _take_estimates(
    batch: Batch, i: int, block: Block, known_rows: Rows, space: Space, k: int, n: int, queries: Floats
) -> None:
    """Take the estimates of a block into the candidates of one user."""
    u, errors = batch.who[i], block_errors(block, batch.sizes[i], space)
    out, maxima = space.outs[k][: block.width], space.maxima[k][: len(errors) * LANES]
    leave_out(out, maxima, known_rows, block.first)
    bar = np.float64(batch.bars[u]) / batch.sizes[i, 0]
    if bar == -np.inf:
        bar = np.float64(first_bar(maxima, errors, n))
    count = doubtful_rows(out, errors, bar, block.first, space.rows)
    score_rows(block, queries[u], space.rows[:count], space.scores)
    add(space.scores[:count], space.rows[:count], batch, u, n)


@njit
def _write_bars(batch: Batch, i: int, block: Block, space: Space, k: int) -> None:
    """Write the least estimates of items in doubt for a user, by chunk."""
    errors, bar = block_errors(block, batch.sizes[i], space), np.float64(batch.bars[batch.who[i]]) / batch.sizes[i, 0]
    for chunk in range(len(errors)):
        space.bars[k, chunk] = least_estimate(bar, errors[chunk])


@njit
def _take_flags(
    batch: Batch, i: int, block: Block, known_rows: Rows, space: Space, k: int, n: int, queries: Floats
) -> None:
    """Take the flagged items of a block into the candidates of one user."""
    u = batch.who[i]
    count = flagged_rows(space.flags[k][: block.width // TESTED], block.first, known_rows, space.rows)
    score_rows(block, queries[u], space.rows[:count], space.scores)
    add(space.scores[:count], space.rows[:count], batch, u, n)


@njit
def scanned(batch: Batch, i: int, block: Block) -> tuple[int, int, int, int, int, int]:
    """Return the arguments of a scan that name the items of a block and the queries from `i` on."""
    codes, words = block.codes.blocks, batch.words
    place = codes[block.first // LANES :].ctypes.data
    return place, block.width // LANES, codes.shape[1], block.scales, words[i:].ctypes.data, words.strides[0]


@njit
def _scan(batch: Batch, i: int, together: int, block: Block, space: Space) -> None:
    """Write the estimates of a block for some users."""
    space.maxima[:] = -np.inf
    arguments = (
        *scanned(batch, i, block),
        space.outs.ctypes.data,
        space.outs.strides[0],
        space.maxima.ctypes.data,
        space.maxima.strides[0],
    )
    if together > 1:
        scan_four(*arguments)
    else:
        scan_one(*arguments)


@njit
def _reach(batch: Batch, i: int, together: int, block: Block, space: Space) -> None:
    """Flag the items of a block that are in doubt for some users that have bars."""
    for k in range(together):
        _write_bars(batch, i + k, block, space, k)
    arguments = (
        *scanned(batch, i, block),
        space.bars.ctypes.data,
        space.bars.strides[0],
        space.flags.ctypes.data,
        space.flags.strides[0],
    )
    if together > 1:
        reach_four(*arguments)
    else:
        reach_one(*arguments)


@njit
def _have_bars(batch: Batch, i: int, together: int) -> bool:
    """Return whether each of some users has a bar."""
    n_without = 0
    for u in batch.who[i : i + together]:
        n_without += batch.bars[u] == -np.inf
    return n_without == 0


@njit
def rank_block(
    batch: Batch,
    alive: int,
    items: tuple[Floats, ItemCodes],
    known: tuple[Starts, Rows, Rows],
    space: Space,
    rows: tuple[int, int],
    lengths: Starts,
    queries: Floats,
) -> None:
    """Scan a block for all users that it can serve, four at a time."""
    starts, known_rows, withdrawn_rows = known
    block, i = block_of(items, withdrawn_rows, rows, space), 0
    while i < alive:
        together = min(TOGETHER, alive - i) if alive - i >= ENOUGH else 1
        have_bars = _have_bars(batch, i, together)
        if have_bars:
            _reach(batch, i, together, block, space)
        else:
            _scan(batch, i, together, block, space)
        for k in range(together):
            u = batch.who[i + k]
            left_out = known_rows[starts[u] : starts[u + 1]]
            if have_bars:
                _take_flags(batch, i + k, block, left_out, space, k, lengths[u], queries)
            else:
                _take_estimates(batch, i + k, block, left_out, space, k, lengths[u], queries)
        i += together
