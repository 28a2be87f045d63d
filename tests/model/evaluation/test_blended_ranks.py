"""Blended lists in a stream: those of one event at a time, by the definition."""

from dataclasses import replace

import numpy as np
import pytest

from model.arrays import Doubles, Rows
from model.blend import Blend
from model.equations import equations_of, n_known
from model.evaluation.blended_ranks import blended_ranks
from model.evaluation.event_log import Split, events_of, split_events
from model.evaluation.prequential import POPULAR_HALF_LIFE_S, fold_in_plain, fold_in_ranks, train_on
from model.objective import Objective
from model.ragged import WeightedRows, ragged_rows
from model.score_variance import score_variances_plain
from model.solver import solve_rows_plain
from model.training import Factors
from tests.support.ranks import (
    ROUNDOFF,
    ItemScores,
    assert_same_ranks,
    scores_of_fold_in,
    scores_of_vectors,
    share_decided,
    without,
)
from tests.support.scored_events import known_before, scored_in_time

N_EVENTS, N_TRAINED, N_ITEMS = 1500, 900, 60
OBJECTIVE = Objective(factors=8, half_life_plays=3.0, iterations=3)
BLEND = Blend(strength=1.5, items_max=4)


@pytest.fixture(scope="module")
def split() -> Split:
    """Split plays of listeners that arrive all the time, with items that are new in the stream."""
    rng = np.random.default_rng(6)
    users = (np.arange(N_EVENTS) / 12 + rng.integers(0, 12, N_EVENTS)).astype(np.int64)
    items = (rng.pareto(0.8, N_EVENTS) % (N_ITEMS + np.arange(N_EVENTS) // 100)).astype(np.uint64)
    times = np.sort(rng.integers(0, 90 * 86_400, N_EVENTS)).astype(np.uint32)
    return split_events(events_of(users, items, times), N_TRAINED)


@pytest.fixture(scope="module")
def factors(split: Split) -> Factors:
    """Train on the first of them."""
    return train_on(split, OBJECTIVE, np.random.default_rng(0))


def scores_by_definition(split: Split, factors: Factors, blend: Blend) -> tuple[ItemScores, Rows]:
    """Score all items before each scored event by itself: dense solution, dense variances, popularity summed anew.

    An own score is off by no more than that of a solved vector. So is the best score, which scales the popular part.
    """
    trained = split.places < split.n_trained
    per_listener = trained.sum() / len(np.unique(split.users[trained]))
    nothing, nothing_known = (np.zeros(0, np.int32), np.zeros(0, np.float32)), ragged_rows([np.zeros(0, np.int32)])
    prior = score_variances_plain(*nothing, factors.items, float(OBJECTIVE.row_regularization(1))).sum()
    events = scored_in_time(split)
    values, tolerances = [], []
    for event in events:
        plays = np.arange(split.starts[split.users[event]], event)
        worth: dict[int, float] = {}
        for play in plays[split.rows[plays] >= 0]:
            row = int(split.rows[play])
            worth[row] = worth.get(row, 0.0) + 2.0 ** (-(event - 1 - play) / OBJECTIVE.half_life_plays)
        rows, weights = np.array(list(worth), np.int32), np.array(list(worth.values()), np.float32)
        equations = equations_of(WeightedRows(np.array([0, len(rows)]), rows, weights), OBJECTIVE)
        x = solve_rows_plain(equations, factors.items)
        scores, errors = (part[0] for part in scores_of_vectors(x, factors.item_factors, nothing_known))
        popular = popular_before(split, int(event), per_listener)
        if not len(rows):
            scores, errors = popular, popular * 4 * ROUNDOFF
        elif len(rows) <= blend.items_max:
            variances = score_variances_plain(
                rows, equations.terms.confidences, factors.items, float(equations.regularization[0])
            )
            left = blend.strength * variances.sum() / prior
            best = np.delete(scores, rows).max()
            scores = scores + left * max(best, 0) * popular
            errors = errors + left * (errors.max() + 4 * ROUNDOFF * max(best, 0)) * popular + 2 * ROUNDOFF * scores
        values.append(scores)
        tolerances.append(errors)
    listable = without(np.array(values), known_before(split, events))
    return ItemScores(listable, np.array(tolerances)), split.rows[events]


def popular_before(split: Split, event: int, per_listener: float) -> Doubles:
    """Return the preference of every item just before an event, in double precision."""
    before = (split.places < split.places[event]) & (split.rows >= 0)
    ages = (split.played_at_s[before].astype(np.float64) - split.played_at_s[event]) / POPULAR_HALF_LIFE_S
    plays = np.bincount(split.rows[before], 2.0**ages, split.n_items)
    preference: Doubles = np.minimum(plays / plays.sum() * per_listener, 1)
    return preference


@pytest.mark.parametrize("threads", [1, 2])
def test_the_ranks_are_those_of_the_definition(split: Split, factors: Factors, threads: int) -> None:
    """A rank follows own scores, the variance left and the popularity at that moment, for newcomers and others."""
    ranks = blended_ranks(split, factors, OBJECTIVE, BLEND, threads)

    expected = scores_by_definition(split, factors, BLEND)
    assert_same_ranks(*expected, ranks)
    assert share_decided(*expected) > 0.9
    assert (ranks != fold_in_ranks(split, factors, OBJECTIVE)).mean() > 0.1


def test_without_strength_the_lists_are_those_of_the_fold_in(split: Split, factors: Factors) -> None:
    """Only listeners without a known item differ: they get the popular list either way."""
    queries, _ = fold_in_plain(split, factors, OBJECTIVE)
    has_known = n_known(queries.known) > 0

    ranks = blended_ranks(split, factors, OBJECTIVE, replace(BLEND, strength=0.0))

    scores, played_rows = scores_of_fold_in(split, factors, OBJECTIVE)
    assert_same_ranks(scores.part(has_known), played_rows[has_known], ranks[has_known])
    assert 0 < (~has_known).sum() < len(has_known)


def test_nothing_scored_is_no_rank(factors: Factors) -> None:
    """A stream without a scored event has no ranks, and no error either."""
    events = events_of(np.zeros(3, np.int64), np.arange(3, dtype=np.uint64), np.arange(3, dtype=np.uint32))
    split = split_events(events, 3)

    assert [] == blended_ranks(split, factors, OBJECTIVE, BLEND).tolist()
