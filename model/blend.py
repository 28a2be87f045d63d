"""Lists of listeners with few known items: their own scores and the popular items, by how much is unknown.

    blended(y) = x . y + popular_part * preference(y),   popular_part = strength * left * best

`preference(y)` is the number of the item's plays that an average listener makes, at most 1. So it has the scale of a
score, whose target is 1 for a played item. `best` is the listener's best score: a vector of one play is so short that
any preference would drown it. `left` is the share of the variance that is left (`model/score_variance.py`).

The own scores are not multiplied by `1 - left`: the solve has shortened the vector by as much already, so doubt would
count twice. `docs/decisions.md` has the figures.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from model.above_bar import top_n_above
from model.arrays import Doubles, Flags, Floats, Rows, Starts, as_kernel_array
from model.best_of import Addition, best_of
from model.fixed_items import FixedItems
from model.kernel import kernel
from model.ragged import RaggedRows
from model.ranking import NONE, BoundedItems, padding

_TINY = 1e-30
_LARGE = 100_000
"""Items in a catalog of which a scan takes longer than the scores of a thousand of them."""


@dataclass(frozen=True, slots=True)
class Blend:
    """How much of the popular list stands in a personal one."""

    strength: float = 1.0
    """0: none."""
    items_max: int = 9
    """Known items up to which a listener's list is blended."""


def preferences(plays: Floats | Doubles, plays_per_listener: float) -> Floats:
    """Return how many plays of every item an average listener makes, at most 1.

    >>> preferences(np.array([6.0, 1.0, 1.0]), plays_per_listener=4.0).tolist()
    [1.0, 0.5, 0.5]
    """
    shares = np.asarray(plays, np.float64) / max(float(np.sum(plays, dtype=np.float64)), _TINY)
    return np.minimum(shares * plays_per_listener, 1.0).astype(np.float32)


def popular_parts(best: Floats, left: Floats, strength: float) -> Floats:
    """Return the popular part of each listener: the addition to a score for a preference of 1.

    Args:
        best: The best score of every listener, shape (n,); nothing is added where there is no positive one.
        left: The share of variance left, shape (n,).
        strength: `Blend.strength`.
    """
    return (np.float32(strength) * left * np.maximum(best, 0)).astype(np.float32)


class PopularPart(NamedTuple):
    """The popular part of n users' blended scores."""

    strengths: Floats
    """(n_users,): the addition to a user's scores for a preference of 1."""
    preference: Floats
    """(n_items,)"""
    rows: Rows
    """The most preferred items, descending, without withdrawn ones."""

    def part(self, users: Starts, n: int) -> Self:
        """Return the part of some users, with the n most preferred items."""
        return type(self)(self.strengths[users], self.preference, self.rows[:n])


def blended_top_n(
    queries: Floats,
    items: FixedItems | BoundedItems,
    popular: PopularPart,
    personal: tuple[Rows, Floats],
    known: RaggedRows,
    n: int,
    withdrawn_rows: Rows = NONE,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user by blended score, exactly.

    Only the best of both lists are scored, as many of each: another item has less of either part than the last of each
    (Fagin, Lotem and Naor 2003, the threshold algorithm). Where that leaves a doubt, the whole catalog is scanned for
    items that reach the worst listed score. If it is large, all of the popular items are scored before.

    Args:
        queries: User vectors, shape (n_users, f).
        items: The items.
        popular: The popular part of the scores.
        personal: Rows and scores of each user's best items by their own score, n of them or more, as of `top_n`.
        known: Item rows to leave out of each user's list; -1 is ignored.
        n: Length of a list.
        withdrawn_rows: Item rows that are in no list, ascending.

    Returns:
        Item rows and scores as of `top_n`.
    """
    rows, scores = padding(len(queries), n)
    users, n_personal, n_popular = np.arange(len(queries)), personal[0].shape[1], len(popular.rows)
    sizes = [n_personal, n_popular] if len(items.factors) >= _LARGE and n_personal < n_popular else [n_personal]
    for size in sizes:
        part = popular.part(users, size)
        near = personal[0][users]
        rows[users], scores[users] = _best_of_both(queries[users], items.factors, part, near, known.part(users), n)
        users = users[_is_doubtful(part, personal[1][users], scores[users])]
        if not len(users):
            return rows, scores
    addition = Addition(popular.strengths[users], popular.preference)
    best = top_n_above(queries[users], items, addition, scores[users, -1], known.part(users), n, withdrawn_rows)
    rows[users], scores[users] = best
    return rows, scores


def _best_of_both(
    queries: Floats, item_factors: Floats, popular: PopularPart, personal_rows: Rows, known: RaggedRows, n: int
) -> tuple[Rows, Floats]:
    """Return the best n of the personal and the popular items of every user by blended score."""
    candidates = np.concatenate((personal_rows, _without_known(popular.rows, known)), axis=1)
    ends = np.arange(len(candidates) + 1) * candidates.shape[1]
    addition = Addition(popular.strengths, popular.preference)
    return best_of(queries, item_factors, RaggedRows(ends, candidates.ravel()), n, addition)


def _is_doubtful(popular: PopularPart, personal_scores: Floats, scores: Floats) -> Flags:
    """Return which users' lists another item may belong to: one with a lower row, if it has the worst listed score."""
    least = popular.preference[popular.rows[-1]] if len(popular.rows) else np.float32(1)
    worst = personal_scores[:, -1]
    is_doubtful: Flags = (worst + popular.strengths * least >= scores[:, -1]) & (worst > -np.inf)
    return is_doubtful


def _without_known(popular_rows: Rows, known: RaggedRows) -> Rows:
    """Return the popular rows once for every user, -1 where the user knows the item, shape (n_users, popular)."""
    rows: Rows = _leave_out_known(
        as_kernel_array(popular_rows, np.int32),
        as_kernel_array(known.starts, np.int64),
        as_kernel_array(known.rows, np.int32),
    )
    return rows


@kernel
def _leave_out_known(popular_rows: Rows, starts: Starts, known_rows: Rows) -> Rows:
    rows = np.empty((len(starts) - 1, len(popular_rows)), np.int32)
    for u in range(len(rows)):
        known = np.sort(known_rows[starts[u] : starts[u + 1]])
        for i in range(len(popular_rows)):
            place = np.searchsorted(known, popular_rows[i])
            is_known = place < len(known) and known[place] == popular_rows[i]
            rows[u, i] = -1 if is_known else popular_rows[i]
    return rows
