"""The exact best n of a catalog for a batch of users, without the items they know.

The file is long because its kernels share a candidate's form: numba compiles a cached kernel anew only when its own
file changes, so the functions that are compiled into it stand beside it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Counts, Floats, Keys, Rows, Starts, as_kernel_array
from model.fixed_items import FixedItems
from model.ragged import RaggedRows
from model.thread_pool import share

_USERS = 128  # queries that share a product with a block of items
_BLOCK = 4096  # items in it: 2 MB of scores, which stay in a core's second cache
_CHUNK = 16  # scores that are looked at one by one only if the best of them reaches the bar
_ROUNDING = np.float32(1.0001)  # a computed score may exceed the bound by its rounding
_SIGN = np.uint32(0x80000000)
NONE = as_kernel_array(np.zeros(0), np.int32)
"""No rows."""


class Addition(NamedTuple):
    """A further part of every score: the user's strength times the item's preference."""

    strengths: Floats  # (n_users,)
    preference: Floats  # (n_items,); empty: nothing is added


NOTHING = Addition(np.zeros(0, np.float32), np.zeros(0, np.float32))


class BoundedItems(NamedTuple):
    """Item vectors, each with a bound of its scores."""

    factors: Floats
    """(n_items, f), by descending bound."""
    norms: Floats
    """(n_items,): an item's score is at most its bound times the length of the query."""


def top_n(
    queries: Floats,
    items: FixedItems | BoundedItems,
    known: RaggedRows,
    n: int,
    threads: int = 1,
    withdrawn_rows: Rows = NONE,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user, exactly.

    Items are scored in blocks of descending norm. A user's scan ends where `|query| * norm` cannot beat the n-th best
    score any more (Cauchy and Schwarz).

    Args:
        queries: User vectors, shape (n_users, f).
        items: The items, sorted by descending norm.
        known: Item rows to leave out of each user's list, in any order; -1 is ignored.
        n: Length of a list.
        threads: Threads that share the users; BLAS has to be pinned to one.
        withdrawn_rows: Item rows that nobody gets, ascending.

    Returns:
        Item rows and scores, both of shape (n_users, n): by descending score, ties by row, padded with row -1 and
        score -inf where fewer than n items remain.
    """
    shape = len(queries), n
    rows, scores = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    queries, starts = as_kernel_array(queries, np.float32), as_kernel_array(known.starts, np.int64)
    fixed = (
        as_kernel_array(items.factors, np.float32),
        as_kernel_array(items.norms, np.float32),
        as_kernel_array(withdrawn_rows, np.int32),
    )
    known_rows = as_kernel_array(known.rows, np.int32)

    def rank(part: slice) -> None:
        bounds = starts[part.start : part.stop + 1]
        _top_n(queries[part], *fixed, bounds, known_rows, rows[part], scores[part])

    size = max(1, len(queries)) if threads == 1 else _USERS
    share(rank, [slice(low, min(len(queries), low + size)) for low in range(0, len(queries), size)], threads)
    return rows, scores


def top_n_plain(
    queries: Floats, item_factors: Floats, known: RaggedRows, n: int, withdrawn_rows: Rows = NONE
) -> tuple[Rows, Floats]:
    """Do the same as `top_n` by sorting all scores: the twin that the kernel is tested against."""
    rows = np.full((len(queries), n), -1, np.int32)
    best = np.full((len(queries), n), -np.inf, np.float32)
    for u, query in enumerate(queries):
        scores = item_factors @ query
        known_rows = known.rows[known.starts[u] : known.starts[u + 1]]
        scores[known_rows[known_rows >= 0]] = -np.inf
        scores[withdrawn_rows] = -np.inf
        order = np.argsort(-scores, kind="stable")[:n]
        order = order[scores[order] > -np.inf]
        rows[u, : len(order)], best[u, : len(order)] = order, scores[order]
    return rows, best


# A candidate is one number, so that a plain sort puts higher scores first and ties by row: the score's bits, mapped so
# that their order as an unsigned integer is the order of the floats, above the inverted row.


@njit
def _candidate(score_bits: np.uint32, row: int) -> np.uint64:
    """Return score and row as one sortable number."""
    bits = np.uint32(score_bits)
    if bits == _SIGN:  # minus zero equals zero
        bits = np.uint32(0)
    ordered = ~bits if bits & _SIGN else bits | _SIGN
    return np.uint64(ordered) << np.uint64(32) | np.uint64(~np.uint32(row))


@njit
def _score_bits(candidate: np.uint64) -> np.uint32:
    """Return the bits of a candidate's score."""
    ordered = np.uint32(candidate >> np.uint64(32))
    return ordered & ~_SIGN if ordered & _SIGN else ~ordered


@njit
def _row(candidate: np.uint64) -> np.int32:
    """Return a candidate's row."""
    return np.int32(~np.uint32(candidate & np.uint64(0xFFFFFFFF)))


@njit(fastmath={"nnan", "nsz", "reassoc"})
def _maxima(scores: Floats, maxima: Floats) -> int:
    """Write the best score of every chunk, the last one maybe shorter; return the number of chunks."""
    whole = len(scores) // _CHUNK
    for i in range(whole):
        most = scores[i * _CHUNK]
        for j in range(_CHUNK):
            most = max(most, scores[i * _CHUNK + j])
        maxima[i] = most
    if whole * _CHUNK < len(scores):
        maxima[whole] = scores[whole * _CHUNK :].max()
        whole += 1
    return whole


@njit
def _first_bar(maxima: Floats, n: int) -> np.float32:
    """Return a score that at least n items reach: the n-th best of the chunks' maxima, if there are as many."""
    if len(maxima) < n:
        return np.float32(-np.inf)
    bar: np.float32 = np.partition(maxima, len(maxima) - n)[len(maxima) - n]
    return bar


@njit
def _cut(candidates: Keys, count: int, n: int) -> None:
    """Move the n best of `count` candidates to the front."""
    candidates[:n] = np.partition(candidates[:count], count - n)[count - n :]


@njit
def _worst(candidates: Keys, n: int, space: Floats) -> np.float32:
    """Return the least score of the first n candidates."""
    space[:1].view(np.uint32)[0] = _score_bits(candidates[:n].min())
    score: np.float32 = space[0]
    return score


@njit
def _collect(
    scores: Floats, maxima: Floats, first: int, candidates: Keys, count: int, bar: np.float32, n: int
) -> tuple[int, np.float32]:
    """Add a block's scores that reach the bar to the candidates; return their number and the new bar."""
    bits = scores.view(np.uint32)
    for i in range(len(maxima)):
        if not maxima[i] >= bar:
            continue
        for j in range(i * _CHUNK, min(len(scores), (i + 1) * _CHUNK)):
            if scores[j] >= bar and scores[j] > -np.inf:
                candidates[count] = _candidate(bits[j], first + j)
                count += 1
        if count + _CHUNK > len(candidates):
            _cut(candidates, count, n)
            count, bar = n, _worst(candidates, n, maxima[i:])
    if count >= 2 * n:
        _cut(candidates, count, n)
        count, bar = n, _worst(candidates, n, maxima)
    return count, bar


@njit
def _drop_finished(batch: Floats, who: Starts, alive: int, lengths: Floats, bars: Floats, norm: float) -> int:
    """Move the queries that items of this norm can still serve to the front; return their number."""
    left = 0
    for i in range(alive):
        if lengths[who[i]] * norm * _ROUNDING >= bars[who[i]]:
            who[left] = who[i]
            batch[left] = batch[i]
            left += 1
    return left


@njit
def _rank_block(
    scores: Floats,
    first: int,
    who: Starts,
    known: tuple[Starts, Rows, Rows],
    best: tuple[Keys, Starts, Floats],
    n: int,
) -> None:
    """Take one block's scores into the candidates of some users."""
    starts, known_rows, withdrawn_rows = known
    low, high = np.searchsorted(withdrawn_rows, first), np.searchsorted(withdrawn_rows, first + scores.shape[1])
    candidates, counts, bars = best
    space = np.empty(scores.shape[1] // _CHUNK + 1, np.float32)
    for i in range(len(scores)):
        u = who[i]
        for j in range(starts[u], starts[u + 1]):
            if 0 <= known_rows[j] - first < scores.shape[1]:
                scores[i, known_rows[j] - first] = -np.inf
        for j in range(low, high):
            scores[i, withdrawn_rows[j] - first] = -np.inf
        maxima = space[: _maxima(scores[i], space)]
        if first == 0:
            bars[u] = _first_bar(maxima, n)
        counts[u], bars[u] = _collect(scores[i], maxima, first, candidates[u], counts[u], bars[u], n)


@njit
def _rank_batch(
    queries: Floats,
    item_factors: Floats,
    norms: Floats,
    known: tuple[Starts, Rows, Rows],
    space: Floats,
    best: tuple[Keys, Starts, Floats],
    n: int,
) -> None:
    """Score blocks of items for a batch of users until nobody can gain from the next."""
    n_items, alive = len(item_factors), len(queries)
    batch, who, lengths = queries.copy(), np.arange(alive), np.empty(alive, np.float32)
    for u in range(alive):
        lengths[u] = np.sqrt((queries[u] * queries[u]).sum())
    first = 0
    while first < n_items:
        alive = _drop_finished(batch, who, alive, lengths, best[2], norms[first])
        if alive == 0:
            break
        width = min(n_items - first, _block(n) if first == 0 else _BLOCK)
        scores = space[: alive * width].reshape((alive, width))
        np.dot(batch[:alive], item_factors[first : first + width].T, scores)
        _rank_block(scores, first, who, known, best, n)
        first += width


@njit
def _block(n: int) -> int:
    """Return the size of the first block: chunks enough for a first bar."""
    return max(_BLOCK, 2 * n * _CHUNK)


@njit
def _write(candidates: Keys, count: int, rows: Rows, score_bits: Counts) -> None:
    """Write the candidates, best first; both outputs hold their padding already."""
    n = min(count, len(rows))
    if count > n:
        _cut(candidates, count, n)
    best = np.sort(candidates[:n])
    for i in range(n):
        rows[i], score_bits[i] = _row(best[n - 1 - i]), _score_bits(best[n - 1 - i])


@njit(nogil=True, cache=True)
def _top_n(
    queries: Floats,
    item_factors: Floats,
    norms: Floats,
    withdrawn_rows: Rows,
    starts: Starts,
    known_rows: Rows,
    rows: Rows,
    scores: Floats,
) -> None:
    n_users, n = len(queries), rows.shape[1]
    users = min(_USERS, n_users)
    space = np.empty(users * min(len(item_factors), _block(n)), np.float32)
    candidates, counts = np.empty((users, 4 * n + 2 * _CHUNK), np.uint64), np.empty(users, np.int64)
    bars, score_bits = np.empty(users, np.float32), scores.view(np.uint32)
    for low in range(0, n_users, _USERS):
        high = min(n_users, low + _USERS)
        counts[:], bars[:] = 0, -np.inf
        known, best = (starts[low : high + 1], known_rows, withdrawn_rows), (candidates, counts, bars)
        _rank_batch(queries[low:high], item_factors, norms, known, space, best, n)
        for u in range(low, high):
            _write(candidates[u - low], counts[u - low], rows[u], score_bits[u])


def best_of(
    queries: Floats, item_factors: Floats, candidates: RaggedRows, n: int, addition: Addition = NOTHING
) -> tuple[Rows, Floats]:
    """Return the best n of some items for every user, scored exactly.

    Args:
        queries: User vectors, shape (n_users, f).
        item_factors: Item vectors, shape (n_items, f).
        candidates: Item rows to choose from for each user, in any order, some maybe twice; -1 is ignored.
        n: Length of a list.
        addition: A further part of every score.

    Returns:
        Item rows and scores as of `top_n`.
    """
    shape = len(queries), n
    rows, scores = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    _best_of(
        as_kernel_array(queries, np.float32),
        as_kernel_array(item_factors, np.float32),
        as_kernel_array(candidates.starts, np.int64),
        as_kernel_array(candidates.rows, np.int32),
        as_kernel_array(addition.strengths, np.float32),
        as_kernel_array(addition.preference, np.float32),
        rows,
        scores,
    )
    return rows, scores


def best_of_plain(
    queries: Floats, item_factors: Floats, candidates: RaggedRows, n: int, addition: Addition = NOTHING
) -> tuple[Rows, Floats]:
    """Do the same as `best_of` by sorting: the twin that the kernel is tested against."""
    rows = np.full((len(queries), n), -1, np.int32)
    best = np.full((len(queries), n), -np.inf, np.float32)
    for u, query in enumerate(queries):
        choice = np.unique(candidates.rows[candidates.starts[u] : candidates.starts[u + 1]])
        choice = choice[choice >= 0]
        scores = item_factors[choice] @ query
        if len(addition.preference):
            scores = scores + addition.strengths[u] * addition.preference[choice]
        order = np.argsort(-scores, kind="stable")[:n]
        rows[u, : len(order)], best[u, : len(order)] = choice[order], scores[order]
    return rows, best


@njit(nogil=True, cache=True)
def _best_of(
    queries: Floats,
    item_factors: Floats,
    starts: Starts,
    candidate_rows: Rows,
    strengths: Floats,
    preference: Floats,
    rows: Rows,
    scores: Floats,
) -> None:
    n_users, f = queries.shape
    longest = 0
    for u in range(n_users):
        longest = max(longest, starts[u + 1] - starts[u])
    scored, score = np.empty(longest, np.uint64), np.empty(1, np.float32)
    score_bits, bits = scores.view(np.uint32), score.view(np.uint32)
    for u in range(n_users):
        count, last = 0, np.int32(-1)
        candidates = np.sort(candidate_rows[starts[u] : starts[u + 1]])
        for row in candidates:
            if row == last or row < 0:
                continue
            last = row
            dot = np.float32(0)
            for a in range(f):
                dot += queries[u, a] * item_factors[row, a]
            if len(preference):
                dot += strengths[u] * preference[row]
            score[0] = dot
            scored[count] = _candidate(bits[0], row)
            count += 1
        best = np.sort(scored[:count])
        for i in range(min(count, rows.shape[1])):
            rows[u, i], score_bits[u, i] = _row(best[count - 1 - i]), _score_bits(best[count - 1 - i])
