"""Ranks and lists, compared through the scores behind them.

Two correct computations of a score differ by rounding and by the stopping rule of the solver. So an item may have
another rank, or another place in a list, exactly where two scores are closer than their tolerances, and nowhere else.
"""

from typing import NamedTuple

import numpy as np

from model.arrays import Doubles, Flags, Floats, Rows, Starts
from model.evaluation.event_log import Split
from model.evaluation.prequential import fold_in_plain
from model.evaluation.rank_metrics import MISS
from model.objective import Objective
from model.ragged import RaggedRows
from model.solver import TOLERANCE
from model.training import Factors

Numbers = Floats | Doubles
VECTOR_ERROR = 5 * TOLERANCE
"""Largest error of a solved vector, relative to its length.

The solver stops when its last correction is shorter than `TOLERANCE` times the vector. The error left is then at
most five times as long: `tests/model/test_solver.py` holds it to that.
"""
ROUNDOFF = float(np.finfo(np.float32).eps) / 2
"""Largest relative error of one rounding to single precision."""


class ItemScores(NamedTuple):
    """Scores of all items for n listeners in double precision, and how far off a correct computation may be."""

    values: Doubles  # (n, n_items), -inf for an item that may not be listed
    tolerances: Doubles  # (n, n_items)

    def part(self, lists: Flags | Rows) -> "ItemScores":
        """Return the scores of some of the listeners."""
        return ItemScores(self.values[lists], self.tolerances[lists])

    def without_items(self, rows: Rows | Starts) -> "ItemScores":
        """Return the scores with items that may not be listed for anybody."""
        values = self.values.copy()
        values[:, rows] = -np.inf
        return ItemScores(values, self.tolerances)


def scores_of_vectors(
    x: Numbers, item_factors: Numbers, known: RaggedRows, relative_error: float = VECTOR_ERROR
) -> ItemScores:
    """Score all items for user vectors.

    A product of f numbers in single precision is off by at most `f` roundings of `|x| |y|` (Higham 2002, Accuracy and
    Stability of Numerical Algorithms, eq. 3.5, with the inequality of Cauchy and Schwarz). One more rounds the vector.

    Args:
        x: User vectors in double precision, shape (n, f).
        item_factors: Item vectors, shape (n_items, f).
        known: Item rows of each user that may not be listed; -1 is ignored.
        relative_error: Largest error of a computed vector, relative to its length.
    """
    x, items = np.asarray(x, np.float64), item_factors.astype(np.float64)
    relative = relative_error + (x.shape[1] + 1) * ROUNDOFF
    lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(items, axis=1)
    return ItemScores(without(x @ items.T, known), relative * lengths)


def scores_of_fold_in(split: Split, factors: Factors, objective: Objective) -> tuple[ItemScores, Rows]:
    """Return the scores of all items before every scored event, in the order of time, and the row of its item."""
    queries, x = fold_in_plain(split, factors, objective)
    return scores_of_vectors(x, factors.item_factors, queries.known), queries.played_rows


def without(values: Numbers, known: RaggedRows) -> Doubles:
    """Return scores with -inf for the known rows of each listener; -1 is ignored."""
    inside = known.rows >= 0
    listable: Doubles = np.array(values, np.float64)
    listable[known.users[inside], known.rows[inside]] = -np.inf
    return listable


def rank_bounds(scores: ItemScores, played_rows: Rows) -> tuple[Starts, Starts]:
    """Return the lowest and the highest correct rank of one item a listener, shape (n,) each.

    An item certainly stands above the played one if its score is larger by more than both tolerances. Scores without
    any tolerance that are equal share the middle of their places, as in `rank_metrics.ranks_of`. Every other item whose
    score is within the tolerances may stand on either side. An item outside the catalog, -1, is a `MISS`.
    """
    users, inside = np.arange(len(played_rows)), played_rows >= 0
    difference = scores.values - np.where(inside, scores.values[users, played_rows], 0)[:, None]
    slack = scores.tolerances + scores.tolerances[users, played_rows][:, None]
    above, level = difference > slack, (difference == 0) & (slack == 0)
    close = ~above & ~level & (difference >= -slack)
    close[users, played_rows] = False
    lowest = 1 + above.sum(axis=1) + np.maximum(level.sum(axis=1) - 1, 0) // 2
    return np.where(inside, lowest, MISS), np.where(inside, lowest + close.sum(axis=1), MISS)


def assert_same_ranks(scores: ItemScores, played_rows: Rows, ranks: Starts) -> None:
    """Assert that every rank is one that the scores explain within their tolerances."""
    lowest, highest = rank_bounds(scores, played_rows)
    assert lowest.shape == ranks.shape
    wrong = np.flatnonzero((ranks < lowest) | (ranks > highest))
    errors = [f"item {played_rows[i]} of list {i} has rank {ranks[i]}, not {lowest[i]} to {highest[i]}" for i in wrong]
    assert not errors, "; ".join(errors)


def share_decided(scores: ItemScores, played_rows: Rows) -> float:
    """Return the share of items that have one correct rank alone: a comparison is worth as much."""
    lowest, highest = rank_bounds(scores, played_rows)
    return float((lowest == highest).mean())


def assert_same_lists(scores: ItemScores, rows: Rows) -> None:
    """Assert that lists hold the best items in their order, within the tolerances.

    An item that certainly scores more than a listed one is listed before it. Scores without any tolerance that are
    equal go by row. A list is padded with -1 at its end, and only if no listable item is left.

    Args:
        scores: Scores of all items.
        rows: Item rows of the lists, shape (n, list_n).
    """
    for number, listed in enumerate(rows):
        fault = _fault(scores.values[number], scores.tolerances[number], listed)
        assert fault is None, f"list {number}: {fault}"


def _fault(values: Doubles, tolerances: Doubles, listed: Rows) -> str | None:
    """Return the fault of one list, None if it has none."""
    n_listed = min(len(listed), int((values > -np.inf).sum()))
    items = listed[:n_listed]
    if (items < 0).any() or (listed[n_listed:] >= 0).any():
        return f"{(listed >= 0).sum()} items stand in it, not {n_listed}"
    if len(set(items.tolist())) < n_listed:
        return "an item stands in it twice"
    if (values[items] == -np.inf).any():
        return f"item {items[values[items] == -np.inf][0]} may not be listed"
    missing = np.ones(len(values), np.bool_)
    for place, item in enumerate(items):
        missing[item] = False
        if (better := np.flatnonzero(missing & _certainly_before(values, tolerances, item))).size:
            return f"item {better[0]} scores more than item {item} at place {place + 1}"
    return None


def _certainly_before(values: Doubles, tolerances: Doubles, item: int) -> Flags:
    """Return the items that stand before another one in every correct list."""
    difference, slack = values - values[item], tolerances + tolerances[item]
    by_row = (difference == 0) & (slack == 0) & (np.arange(len(values)) < item)
    before: Flags = (difference > slack) | by_row
    return before


def assert_same_scores(scores: ItemScores, rows: Rows, listed_scores: Floats) -> None:
    """Assert that listed scores are those of their items within the tolerances, and -inf where a list is padded."""
    users = np.arange(len(rows))[:, None]
    np.testing.assert_array_equal(rows < 0, listed_scores == -np.inf)
    listed = rows >= 0
    errors = np.abs(listed_scores[listed] - scores.values[users, rows][listed])
    assert (errors <= scores.tolerances[users, rows][listed]).all(), f"a score is off by {errors.max()}"
