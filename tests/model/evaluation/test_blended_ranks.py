"""Blended lists in a stream: those of one event at a time, by the definition."""

from dataclasses import replace

import numpy as np
import pytest

from model.arrays import Starts
from model.blend import Blend, preferences
from model.equations import Equations, Terms
from model.evaluation.blended_ranks import blended_ranks
from model.evaluation.event_log import Split, events_of, split_events
from model.evaluation.prequential import POPULAR_HALF_LIFE_S, fold_in_ranks, train_on
from model.evaluation.rank_metrics import ranks_of
from model.objective import Objective
from model.score_variance import score_variances_plain
from model.solver import solve_rows_plain
from model.training import Factors

N_EVENTS, N_TRAINED, N_ITEMS = 1500, 900, 60
OBJECTIVE = Objective(factors=8, half_life_plays=3.0, iterations=3)
BLEND = Blend(strength=1.5, items_max=4)


@pytest.fixture(scope="module")
def split() -> Split:
    """Cut plays in two, of listeners who come all the time, and of items that are new in the stream."""
    rng = np.random.default_rng(6)
    users = (np.arange(N_EVENTS) / 12 + rng.integers(0, 12, N_EVENTS)).astype(np.int64)
    items = (rng.pareto(0.8, N_EVENTS) % (N_ITEMS + np.arange(N_EVENTS) // 100)).astype(np.uint64)
    times = np.sort(rng.integers(0, 90 * 86_400, N_EVENTS)).astype(np.uint32)
    return split_events(events_of(users, items, times), N_TRAINED)


@pytest.fixture(scope="module")
def factors(split: Split) -> Factors:
    """Train on the first of them."""
    return train_on(split, OBJECTIVE, np.random.default_rng(0))


def ranks_by_definition(split: Split, factors: Factors, blend: Blend) -> Starts:
    """Rank every scored event by itself: dense solution, dense variances, popularity summed anew."""
    scored = np.flatnonzero(split.scored)
    trained = split.places < split.n_trained
    per_listener = trained.sum() / len(np.unique(split.users[trained]))
    nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
    prior = score_variances_plain(*nothing, factors.items, float(OBJECTIVE.row_regularization(1))).sum()
    ranks = []
    for event in scored[np.argsort(split.places[scored])]:
        plays = np.arange(split.starts[split.users[event]], event)
        worth: dict[int, float] = {}
        for play in plays[split.rows[plays] >= 0]:
            row = int(split.rows[play])
            worth[row] = worth.get(row, 0.0) + 2.0 ** (-(event - 1 - play) / OBJECTIVE.half_life_plays)
        rows, weights = np.array(list(worth), np.int32), np.array(list(worth.values()), np.float32)
        c, b, reg = (
            OBJECTIVE.confidences(weights), OBJECTIVE.targets(weights), OBJECTIVE.row_regularization([len(rows)])
        )  # fmt: skip
        bounds = np.array([0, len(rows)])
        scores = (
            factors.item_factors @ solve_rows_plain(Equations(Terms(bounds, rows, c, b), reg, bounds), factors.items)[0]
        )
        before = (split.places < split.places[event]) & (split.rows >= 0)
        ages = (split.played_at_s[before].astype(np.float64) - split.played_at_s[event]) / POPULAR_HALF_LIFE_S
        popular = preferences(
            np.bincount(split.rows[before], 2.0**ages, split.n_items).astype(np.float64), per_listener
        )
        if not len(rows):
            scores = popular.astype(np.float64)
        elif len(rows) <= blend.items_max:
            left = score_variances_plain(rows, c, factors.items, float(reg[0])).sum() / prior
            best = np.delete(scores, rows).max()
            scores = scores + blend.strength * left * max(best, 0) * popular
        played = split.rows[event : event + 1]
        ranks.append(ranks_of(scores[None].astype(np.float32), bounds, rows, played)[0])
    return np.array(ranks)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_ranks_are_those_of_the_definition(split: Split, factors: Factors, threads: int) -> None:
    """Own scores, variance left and what was popular at that moment, for newcomers and those who are none."""
    expected = ranks_by_definition(split, factors, BLEND)

    ranks = blended_ranks(split, factors, OBJECTIVE, BLEND, threads)

    assert np.abs(expected - ranks).max() <= 2
    assert (expected == ranks).mean() > 0.99
    assert (ranks != fold_in_ranks(split, factors, OBJECTIVE)).mean() > 0.1


def test_without_strength_the_lists_are_those_of_the_fold_in(split: Split, factors: Factors) -> None:
    """But for listeners of whom no item is known: they get the popular list either way."""
    known = split.new & (split.rows >= 0)
    sums = np.concatenate(([0], np.cumsum(known)))
    n_known = sums[:-1] - sums[split.starts[split.users]]
    scored = np.flatnonzero(split.scored)
    some = n_known[scored[np.argsort(split.places[scored])]] > 0

    ranks = blended_ranks(split, factors, OBJECTIVE, replace(BLEND, strength=0.0))

    expected = fold_in_ranks(split, factors, OBJECTIVE)
    assert np.abs(expected - ranks)[some].max() <= 1
    assert 0 < (~some).sum() < len(some)


def test_nothing_scored_is_no_rank(factors: Factors) -> None:
    """A stream without a scored event has no ranks, and no error either."""
    events = events_of(np.zeros(3, np.int64), np.arange(3, dtype=np.uint64), np.arange(3, dtype=np.uint32))
    split = split_events(events, 3)

    assert [] == blended_ranks(split, factors, OBJECTIVE, BLEND).tolist()
