"""The exact best n of a catalog for a batch of users, without the items they know.

Bytes of the items are scanned (`model/item_codes.py`): an estimate of every score, and how far off it may be. Only the
items that may be among the best n by that are scored. A score is one sum of products in one order
(`model.vectors.dot`): the same for the same vectors in any batch, on every processor.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Codes, Floats, Rows, Starts, as_kernel_array
from model.candidates import candidate_of, cut, write_list
from model.fixed_items import FixedItems
from model.item_codes import CHUNK, ItemCodes, encode_items, encode_query
from model.kernel import kernel
from model.ragged import RaggedRows
from model.ranked_block import USERS, WIDTH, Batch, Space, make_batch, make_space, rank_block, worst
from model.thread_pool import share
from model.vectors import LANES, dots_plain

_ROUNDING = 1.0001  # a computed score may exceed the bound by its rounding
NONE = as_kernel_array(np.zeros(0), np.int32)
"""No rows."""
_ALL_THE_SAME = as_kernel_array(np.zeros(0), np.int64)
"""Lengths of lists that are all of the longest one."""


class BoundedItems(NamedTuple):
    """Item vectors, each with a bound of its scores."""

    factors: Floats
    """(n_items, f), by descending bound."""
    norms: Floats
    """(n_items,): an item's score is at most its bound times the length of the query."""

    @property
    def codes(self) -> ItemCodes:
        """Return the items in bytes, anew at every call."""
        return encode_items(self.factors)


def top_n(
    queries: Floats,
    items: FixedItems | BoundedItems,
    known: RaggedRows,
    n: int,
    threads: int = 1,
    withdrawn_rows: Rows = NONE,
    lengths: Starts | None = None,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user, exactly.

    Items are scanned in blocks of descending norm. A user's scan ends where `|query| * norm` cannot beat the n-th best
    score any more (Cauchy and Schwarz).

    Args:
        queries: User vectors, shape (n_users, f).
        items: The items, sorted by descending norm.
        known: Item rows to leave out of each user's list, in any order; -1 is ignored.
        n: Length of a list.
        threads: Threads that share the users.
        withdrawn_rows: Item rows that nobody gets, ascending.
        lengths: The length of each user's list, 1 to n; n if left out.

    Returns:
        Item rows and scores, both of shape (n_users, n): by descending score, ties by row, padded with row -1 and
        score -inf behind the end of a list, and where fewer items remain.
    """
    rows, scores = padding(len(queries), n)
    if n == 0 or not len(items.factors):
        return rows, scores
    queries, starts = as_kernel_array(queries, np.float32), as_kernel_array(known.starts, np.int64)
    fixed = (
        as_kernel_array(items.factors, np.float32),
        as_kernel_array(items.norms, np.float32),
        *items.codes,
        as_kernel_array(withdrawn_rows, np.int32),
    )
    known_rows = as_kernel_array(known.rows, np.int32)
    list_lengths = _ALL_THE_SAME if lengths is None else as_kernel_array(lengths, np.int64)

    def rank(part: slice) -> None:
        bounds = starts[part.start : part.stop + 1]
        _top_n(queries[part], *fixed, bounds, known_rows, list_lengths[part], rows[part], scores[part])

    size = max(1, len(queries)) if threads == 1 else USERS
    share(rank, [slice(low, min(len(queries), low + size)) for low in range(0, len(queries), size)], threads)
    return rows, scores


def padding(n_users: int, n: int) -> tuple[Rows, Floats]:
    """Return item rows and scores of lists that are empty, shape (n_users, n) each."""
    return np.full((n_users, n), -1, np.int32), np.full((n_users, n), -np.inf, np.float32)


def top_n_plain(
    queries: Floats, item_factors: Floats, known: RaggedRows, n: int, withdrawn_rows: Rows = NONE
) -> tuple[Rows, Floats]:
    """Do the same as `top_n` by sorting all scores: the twin that the kernel is tested against."""
    rows, best = padding(len(queries), n)
    for u, query in enumerate(queries):
        scores = dots_plain(item_factors, query)
        known_rows = known.rows[known.starts[u] : known.starts[u + 1]]
        scores[known_rows[known_rows >= 0]] = -np.inf
        scores[withdrawn_rows] = -np.inf
        order = np.argsort(-scores, kind="stable")[:n]
        order = order[scores[order] > -np.inf]
        rows[u, : len(order)], best[u, : len(order)] = order, scores[order]
    return rows, best


@njit
def _still_served(batch: Batch, alive: int, norm: float) -> int:
    """Move the users that items of this norm can still serve to the front; return their number.

    Items of later rows with the same score as the n-th best come behind it.
    """
    left = 0
    for i in range(alive):
        if batch.sizes[i, 1] * norm * _ROUNDING > batch.bars[batch.who[i]]:
            if left < i:
                batch.who[left] = batch.who[i]
                batch.words[left] = batch.words[i]
                batch.sizes[left] = batch.sizes[i]
            left += 1
    return left


@njit
def _raise_bars(batch: Batch, alive: int, lengths: Starts, space: Floats) -> None:
    """Raise the bars of users with enough candidates."""
    for u in batch.who[:alive]:
        n = lengths[u]
        if batch.counts[u] >= n and (batch.counts[u] >= 2 * n or batch.bars[u] == -np.inf):
            cut(batch.candidates[u], batch.counts[u], n)
            batch.counts[u], batch.bars[u] = n, worst(batch.candidates[u], n, space)


@njit
def _add_first_rows(batch: Batch, u: int, known_rows: Rows, withdrawn_rows: Rows, n_items: int, n: int) -> None:
    """Give a user whose vector is zero the first rows: all scores tie at zero."""
    is_out = np.zeros(min(n_items, n + len(known_rows) + len(withdrawn_rows)), np.bool_)
    for rows in (known_rows, withdrawn_rows):
        for row in rows:
            if 0 <= row < len(is_out):
                is_out[row] = True
    count = 0
    for row in range(len(is_out)):
        if not is_out[row] and count < n:
            batch.candidates[u, count] = candidate_of(np.uint32(0), row)
            count += 1
    batch.counts[u] = count


@njit
def _rank_batch(
    queries: Floats,
    items: tuple[Floats, ItemCodes],
    norms: Floats,
    known: tuple[Starts, Rows, Rows],
    batch: Batch,
    space: Space,
    lengths: Starts,
) -> None:
    """Scan blocks of items for a batch of users until nobody can gain from the next."""
    codes = np.empty(queries.shape[1], np.int32)
    batch.counts[:], batch.bars[:] = 0, -np.inf
    alive, first, padded = 0, 0, len(items[1].scales)
    for u in range(len(queries)):
        sizes = encode_query(queries[u], codes, batch.words[alive])
        if sizes[1] == 0:
            _add_first_rows(batch, u, known[1][known[0][u] : known[0][u + 1]], known[2], len(items[0]), lengths[u])
            continue
        batch.who[alive] = u
        batch.sizes[alive, 0], batch.sizes[alive, 1], batch.sizes[alive, 2] = sizes
        alive += 1
    while first < padded:
        alive = _still_served(batch, alive, norms[first])
        if alive == 0:
            break
        last = min(padded, first + space.outs.shape[1])
        rank_block(batch, alive, items, known, space, (first, last), lengths, queries)
        first = last
        if first < padded:
            _raise_bars(batch, alive, lengths, space.scores)


@njit
def _width(n: int) -> int:
    """Return the number of items in a block: groups enough for a first bar."""
    return max(WIDTH, -(-2 * n // LANES) * CHUNK)


@kernel
def _top_n(
    queries: Floats,
    item_factors: Floats,
    norms: Floats,
    blocks: Codes,
    scales: Floats,
    errors: Floats,
    lengths: Floats,
    withdrawn_rows: Rows,
    starts: Starts,
    known_rows: Rows,
    list_lengths: Starts,
    rows: Rows,
    scores: Floats,
) -> None:
    n_users, n, codes = len(queries), rows.shape[1], ItemCodes(blocks, scales, errors, lengths)
    users, width = min(USERS, n_users), min(len(codes.scales), _width(n))
    batch, space = make_batch(users, codes.blocks.shape[1], n), make_space(users, width)
    every_length = np.full(n_users, n) if len(list_lengths) == 0 else list_lengths.copy()
    score_bits = scores.view(np.uint32)
    for low in range(0, n_users, USERS):
        high = min(n_users, low + USERS)
        known = (starts[low : high + 1], known_rows, withdrawn_rows)
        _rank_batch(queries[low:high], (item_factors, codes), norms, known, batch, space, every_length[low:high])
        for u in range(low, high):
            places = slice(0, every_length[u])
            write_list(batch.candidates[u - low], batch.counts[u - low], rows[u, places], score_bits[u, places])
