"""Lists of listeners with few known items: their own scores and the popular items, by how much is unknown.

    blended(y) = x . y + popular_part * preference(y),   popular_part = strength * left * best

`preference(y)` is the number of the item's plays that an average listener makes, at most 1. So it has the scale of a
score, whose target is 1 for a played item. `best` is the listener's best score: a vector of one play is so short that
any preference would drown it. `left` is the share of the variance that is left (`model/score_variance.py`).

The own scores are not multiplied by `1 - left`: the solve has shortened the vector by as much already, so doubt would
count twice. `docs/decisions.md` has the figures.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.arrays import Doubles, Floats, Rows, Starts
from model.ragged import RaggedRows
from model.ranking import NONE, BoundedItems, best_of, top_n

_TINY = 1e-30
_LONG = np.float32(1e18)


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


def blended_top_n(
    queries: Floats,
    item_factors: Floats,
    popular: PopularPart,
    personal: tuple[Rows, Floats],
    known: RaggedRows,
    n: int,
    withdrawn_rows: Rows = NONE,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user by blended score, exactly.

    Only the best of both lists are scored: another item has less of either part than the last of each (Fagin, Lotem
    and Naor 2003, the threshold algorithm). Where that leaves a doubt, the whole catalog is scored.

    Args:
        queries: User vectors, shape (n_users, f).
        item_factors: Item vectors, shape (n_items, f).
        popular: The popular part of the scores.
        personal: Rows and scores of each user's best items by their own score, n of them or more, as of `top_n`.
        known: Item rows to leave out of each user's list; -1 is ignored.
        n: Length of a list.
        withdrawn_rows: Item rows that are in no list, ascending.

    Returns:
        Item rows and scores as of `top_n`.
    """
    candidates = np.concatenate((personal[0], _without_known(popular.rows, len(item_factors), known)), axis=1)
    widened = np.column_stack((queries, popular.strengths)).astype(np.float32)
    rows, scores = _from_candidates(widened, item_factors, popular.preference, candidates, n)
    least = popular.preference[popular.rows[-1]] if len(popular.rows) else np.float32(1)
    doubtful = np.flatnonzero(personal[1][:, -1] + popular.strengths * least > scores[:, -1])
    if len(doubtful):
        everything = _every_item(item_factors, popular.preference)
        rows[doubtful], scores[doubtful] = top_n(
            widened[doubtful], everything, known.part(doubtful), n, withdrawn_rows=withdrawn_rows
        )
    return rows, scores


def _from_candidates(
    widened: Floats, item_factors: Floats, preference: Floats, candidates: Rows, n: int
) -> tuple[Rows, Floats]:
    """Return the best n of every user's candidates, shape (n_users, any); an item may stand there twice."""
    chosen, places = _numbered(candidates, len(item_factors))
    ends = np.arange(len(candidates) + 1) * candidates.shape[1]
    every = RaggedRows(ends, places.ravel())
    best, scores = best_of(widened, _widened(item_factors, preference, chosen), every, n)
    return np.where(best >= 0, chosen[best], -1).astype(np.int32), scores


def _every_item(item_factors: Floats, preference: Floats) -> BoundedItems:
    """Return the whole catalog with preferences, for users' vectors with their strengths as one more number."""
    widened = _widened(item_factors, preference, np.arange(len(item_factors)))
    endless = np.full(len(item_factors), _LONG, np.float32)  # in no order that a scan could end early by
    return BoundedItems(widened, endless)


def _without_known(popular_rows: Rows, n_items: int, known: RaggedRows) -> Rows:
    """Return the popular rows once for every user, -1 where the user knows the item."""
    place = np.full(n_items, -1)
    place[popular_rows] = np.arange(len(popular_rows))
    users, at = known.users, np.where(known.rows >= 0, place[known.rows], -1)
    rows = np.tile(popular_rows, (known.n_users, 1))
    rows[users[at >= 0], at[at >= 0]] = -1
    return rows


def _numbered(rows: Rows, n_items: int) -> tuple[Rows, Rows]:
    """Return the rows that occur, ascending, and the place of every one among them, -1 where there is none."""
    occurs = np.zeros(n_items + 1, np.bool_)
    occurs[rows] = True  # -1 is the last
    chosen: Rows = np.flatnonzero(occurs[:-1]).astype(np.int32)
    places = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    places[-1] = -1
    return chosen, places[rows]


def _widened(item_factors: Floats, preference: Floats, rows: Rows | Starts) -> Floats:
    """Return item vectors with their preference as one more number."""
    return np.column_stack((item_factors[rows], preference[rows]))
