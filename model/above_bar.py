"""The exact best n of a catalog by scores with an addition, for users with a bar: a score that n items reach.

An item's score is `x . y + strength * preference(y)`. With a bar from the beginning nearly no item is in doubt. One
scan of the bytes (`model/item_codes.py`) adds the second part to every estimate, and few items are scored.

The sums are rounded once more than scores and estimates without an addition: by a few `u |x| |y|`, for which
`write_errors` has room, and by a few `u strength preference`.
"""

import numpy as np
from numba import njit

from model.arrays import Codes, Floats, Keys, Rows, Starts, as_kernel_array
from model.best_of import Addition
from model.candidates import write_list
from model.estimates import flagged_rows, least_estimate
from model.fixed_items import FixedItems
from model.item_codes import ItemCodes, encode_query
from model.kernel import kernel
from model.ragged import RaggedRows
from model.ranked_block import (
    ENOUGH,
    USERS,
    WIDTH,
    Batch,
    Block,
    Space,
    add,
    block_errors,
    block_of,
    make_batch,
    make_space,
    scanned,
    score_rows,
)
from model.ranking import NONE, BoundedItems, padding
from model.scans import TOGETHER, reach_sum_four, reach_sum_one
from model.vectors import TESTED

_ROUNDING = 2.0**-20
"""Of the addition: some sixteen roundings."""


def top_n_above(
    queries: Floats,
    items: FixedItems | BoundedItems,
    addition: Addition,
    bars: Floats,
    known: RaggedRows,
    n: int,
    withdrawn_rows: Rows = NONE,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user by scores with an addition, exactly.

    Args:
        queries: User vectors, shape (n_users, f).
        items: The items.
        addition: The further part of every score.
        bars: For each user a score that n items reach, shape (n_users,); items below it are not listed.
        known: Item rows to leave out of each user's list; -1 is ignored.
        n: Length of a list.
        withdrawn_rows: Item rows that are in no list, ascending.

    Returns:
        Item rows and scores as of `model.ranking.top_n`.
    """
    rows, scores = padding(len(queries), n)
    _top_n_above(
        as_kernel_array(queries, np.float32),
        as_kernel_array(items.factors, np.float32),
        *items.codes,
        as_kernel_array(withdrawn_rows, np.int32),
        as_kernel_array(known.starts, np.int64),
        as_kernel_array(known.rows, np.int32),
        as_kernel_array(addition.strengths, np.float32),
        as_kernel_array(addition.preference, np.float32),
        as_kernel_array(bars, np.float32),
        rows,
        scores,
    )
    return rows, scores


@njit
def _preference_at(preference: Floats, block: Block, tail: Floats) -> int:
    """Return the address of the preferences of a block's items; the last block has fewer items than places."""
    if block.first + block.width <= len(preference):
        address: int = preference[block.first :].ctypes.data
        return address
    rest = preference[block.first :]
    tail[: len(rest)] = rest
    return tail.ctypes.data


@njit
def _flag(
    batch: Batch, i: int, together: int, block: Block, space: Space, parts: Floats, preference: tuple[int, float]
) -> None:
    """Flag the items of a block that are in doubt for some users."""
    for k in range(together):
        errors, sizes = block_errors(block, batch.sizes[i + k], space), batch.sizes[i + k]
        bar = np.float64(batch.bars[batch.who[i + k]]) / sizes[0] - abs(parts[i + k]) * preference[1] * _ROUNDING
        for chunk in range(len(errors)):
            space.bars[k, chunk] = least_estimate(bar, errors[chunk])
    arguments = (
        *scanned(batch, i, block),
        space.bars.ctypes.data,
        space.bars.strides[0],
        space.flags.ctypes.data,
        space.flags.strides[0],
        preference[0],
        parts[i:].ctypes.data,
    )
    if together > 1:
        reach_sum_four(*arguments)
    else:
        reach_sum_one(*arguments)


@njit
def _take(
    batch: Batch,
    i: int,
    block: Block,
    known_rows: Rows,
    flags: Keys,
    space: Space,
    query: Floats,
    strength: np.float32,
    preference: Floats,
    n: int,
) -> None:
    """Take the flagged items of a block into the candidates of one user."""
    rows, scores = space.rows, space.scores
    count = flagged_rows(flags[: block.width // TESTED], block.first, known_rows, rows)
    score_rows(block, query, rows[:count], scores)
    for j in range(count):
        scores[j] += strength * preference[rows[j]]
    add(scores[:count], rows[:count], batch, batch.who[i], n)


@kernel
def _top_n_above(
    queries: Floats,
    item_factors: Floats,
    blocks: Codes,
    scales: Floats,
    errors: Floats,
    lengths: Floats,
    withdrawn_rows: Rows,
    starts: Starts,
    known_rows: Rows,
    strengths: Floats,
    preference: Floats,
    bars: Floats,
    rows: Rows,
    scores: Floats,
) -> None:
    n, codes, score_bits = rows.shape[1], ItemCodes(blocks, scales, errors, lengths), scores.view(np.uint32)
    width, users, padded = min(len(scales), WIDTH), min(USERS, len(queries)), len(scales)
    batch, space = make_batch(users, blocks.shape[1], n), make_space(users, width)
    query_codes, parts = np.empty(queries.shape[1], np.int32), np.zeros(users + TOGETHER, np.float32)
    tail, largest = np.zeros(width, np.float32), np.float64(preference.max())
    for low in range(0, len(queries), USERS):
        n_users = min(USERS, len(queries) - low)
        for i in range(n_users):
            sizes = encode_query(queries[low + i], query_codes, batch.words[i])
            batch.sizes[i, 0], batch.sizes[i, 1], batch.sizes[i, 2] = sizes
            batch.who[i], batch.counts[i], batch.bars[i] = i, 0, bars[low + i]
            parts[i] = np.float32(np.float64(strengths[low + i]) / sizes[0])
        for first in range(0, padded, width):
            block = block_of((item_factors, codes), withdrawn_rows, (first, min(padded, first + width)), space)
            preferences, i = (_preference_at(preference, block, tail), largest), 0
            while i < n_users:
                together = min(TOGETHER, n_users - i) if n_users - i >= ENOUGH else 1
                _flag(batch, i, together, block, space, parts, preferences)
                for k in range(i, i + together):
                    u = low + k
                    left_out, flags = known_rows[starts[u] : starts[u + 1]], space.flags[k - i]
                    _take(batch, k, block, left_out, flags, space, queries[u], strengths[u], preference, n)
                i += together
        for i in range(n_users):
            write_list(batch.candidates[i], batch.counts[i], rows[low + i], score_bits[low + i])
