"""At which rank the item stood that was played next, for many lists at once."""

import numpy as np
from numba import njit, prange

from model.arrays import Flags, Floats, Rows, Starts, as_kernel_array
from model.evaluation.rank_metrics import MISS, QualityError
from model.kernel import kernel
from model.ragged import RaggedRows

_SCORES = 1 << 18  # scores of a block of lists: 1 MB, which stays in a core's cache
_LISTS = 16  # lists that are scored in one product at least
_BROKEN = -1


def ranks_among(x: Floats, item_factors: Floats, known: RaggedRows, played_rows: Rows, threads: int = 1) -> Starts:
    """Rank one played item a list among all items that its listener does not know, as `rank_metrics.ranks_of` does.

    Nothing of size lists times items is ever held.

    Args:
        x: User vectors, one a list, shape (n, f).
        item_factors: Item vectors, shape (n_items, f).
        known: Item rows that are left out, each once in a list; -1 is ignored.
        played_rows: The item to rank, shape (n,), none of the known ones; -1 for one outside the catalog.
        threads: Threads that share the lists.

    Returns:
        1-based ranks, shape (n,), `MISS` where the played item is outside the catalog; ties take the middle place.

    Raises:
        QualityError: A score is not finite.
    """
    arrays = (
        as_kernel_array(x, np.float32),
        as_kernel_array(item_factors, np.float32),
        as_kernel_array(known.starts, np.int64),
        as_kernel_array(known.rows, np.int32),
        as_kernel_array(played_rows, np.int32),
    )
    ranks = np.empty(len(x), np.int64)
    if threads == 1:
        _rank_every(0, 1, *arrays, ranks)
    else:
        _rank_parallel(int(threads), *arrays, ranks)
    return finite_ranks(ranks)


def finite_ranks(ranks: Starts) -> Starts:
    """Return ranks that kernels gave.

    Raises:
        QualityError: A score was not finite.
    """
    if (ranks == _BROKEN).any():
        message = "A score is not a finite number; the training that made it has diverged."
        raise QualityError(message)
    return ranks


@njit
def rank_new(scores: Floats, rows: Rows, new: Flags, first: int, play: int) -> int:
    """Return the rank of a play's item among those that its listener, whose plays begin at `first`, did not know."""
    rank: int = rank_in(scores, rows[first:play][new[first:play]], rows[play])
    return rank


@njit
def rank_in(scores: Floats, known_rows: Rows, played: int) -> int:
    """Return the rank of one item among those that are not known, `_BROKEN` if a score is not finite."""
    score = scores[played]
    above, level, finite = 0, 0, 0
    for i in range(len(scores)):
        above += scores[i] > score
        level += scores[i] == score
        finite += scores[i] - scores[i] == 0
    if finite < len(scores):
        return _BROKEN
    for row in known_rows:
        if row >= 0:
            above -= scores[row] > score
            level -= scores[row] == score
    return 1 + above + max(level - 1, 0) // 2


@kernel
def _rank_every(
    first: int,
    step: int,
    x: Floats,
    item_factors: Floats,
    starts: Starts,
    known_rows: Rows,
    played_rows: Rows,
    ranks: Starts,
) -> None:
    """Rank in the blocks `first`, `first + step`, ... of lists."""
    n_items = len(item_factors)
    size = max(_LISTS, _SCORES // max(n_items, 1))
    space = np.empty(min(size, len(x)) * n_items, np.float32)
    for low in range(first * size, len(x), step * size):
        high = min(len(x), low + size)
        scores = space[: (high - low) * n_items].reshape((high - low, n_items))
        np.dot(x[low:high], item_factors.T, scores)
        for u in range(low, high):
            if played_rows[u] < 0:
                ranks[u] = MISS
            else:
                ranks[u] = rank_in(scores[u - low], known_rows[starts[u] : starts[u + 1]], played_rows[u])


@kernel(parallel=True)
def _rank_parallel(
    threads: int, x: Floats, item_factors: Floats, starts: Starts, known_rows: Rows, played_rows: Rows, ranks: Starts
) -> None:
    for thread in prange(threads):
        _rank_every(thread, threads, x, item_factors, starts, known_rows, played_rows, ranks)
