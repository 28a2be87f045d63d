"""Recommend, score, then learn: all at once gives the ranks of one event at a time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Doubles, Rows
from model.evaluation import prequential
from model.evaluation.event_log import Events, Split, events_of, split_events
from model.evaluation.prequential import (
    POPULAR_HALF_LIFE_S,
    fold_in_ranks,
    popular_ranks,
    static_ranks,
    train_on,
)
from model.evaluation.rank_metrics import MISS, hit_rate
from model.objective import Objective, Rule
from model.training import Factors
from tests.support.ranks import (
    ROUNDOFF,
    VECTOR_ERROR,
    ItemScores,
    assert_same_ranks,
    scores_of_fold_in,
    scores_of_vectors,
    share_decided,
    without,
)
from tests.support.scored_events import known_before, scored_in_time

N_EVENTS, N_USERS, N_ITEMS, N_TRAINED = 3000, 60, 150, 2000
EPSILON = float(np.finfo(np.float64).eps)
OBJECTIVE = Objective(factors=16, regularization=0.1, unobserved_weight=0.1, half_life_plays=3.0, iterations=4)


def drawn() -> Events:
    """Return plays of listeners with tastes that turn and with repeats; listeners arrive all the time."""
    rng = np.random.default_rng(5)
    users = rng.integers(0, np.linspace(N_USERS // 2, N_USERS, N_EVENTS).astype(np.int64))
    taste = (users + np.arange(N_EVENTS) // 700) % 5
    items = taste * (N_ITEMS // 5) + (rng.pareto(0.8, N_EVENTS) % (N_ITEMS // 5)).astype(np.int64)
    times = np.sort(rng.integers(0, 90 * 86_400, N_EVENTS)).astype(np.uint32)
    return events_of(users, items.astype(np.uint64) * 977, times)


@pytest.fixture(scope="module")
def split() -> Split:
    """Cut the plays in two."""
    return split_events(drawn(), N_TRAINED)


@pytest.fixture(scope="module")
def factors(split: Split) -> Factors:
    """Train on the first of them."""
    return train_on(split, OBJECTIVE, np.random.default_rng(0))


@pytest.mark.parametrize("half_life", [1.0, 3.0, np.inf])
def test_the_ranks_are_those_of_one_event_at_a_time(split: Split, factors: Factors, half_life: float) -> None:
    """Solving all vectors at once ranks every item as walking the stream does, for any half-life of one training."""
    objective = replace(OBJECTIVE, half_life_plays=half_life)

    ranks = fold_in_ranks(split, factors, objective)

    expected = scores_of_fold_in(split, factors, objective)
    assert split.scored.sum() == len(ranks)
    assert_same_ranks(*expected, ranks)
    assert share_decided(*expected) > 0.9


WORTH = np.array([1.0, 1.0, 0.5, 2.0, -1.0, -0.5], np.float32)


def signals_of(seed: int) -> Split:
    """Return plays, likes, skips and dislikes, some of which come late; all items are in the training."""
    rng = np.random.default_rng(seed)
    n, n_users, n_items = 400, 12, 80
    items = np.concatenate((np.arange(n_items), rng.integers(0, n_items, n - n_items))).astype(np.uint64)
    signals = rng.choice(WORTH, n)
    counted = (signals > 0) & (rng.random(n) < 0.8)
    split = split_events(
        events_of(rng.integers(0, n_users, n), items, np.arange(n, dtype=np.uint32), signals, counted), 150
    )
    late = np.sort(rng.integers(0, 60 * 86_400, n)) - rng.choice([0, 0, 0, 86_400], n)
    return split.with_signals()._replace(played_at_s=np.maximum(late, 0).astype(np.uint32)[split.places])


def some_factors(split: Split, rng: np.random.Generator) -> Factors:
    """Return factors that no training made: all ways to rank are asked under the same ones."""
    item_factors = rng.standard_normal((split.n_items, 6)).astype(np.float32)
    return Factors(np.zeros((len(split.starts) - 1, 6), np.float32), item_factors, np.full(6, 8, np.float32))


@given(
    st.integers(0, 1 << 32),
    st.sampled_from([1.0, 3.0, np.inf]),
    st.sampled_from([2.0, 20.0, np.inf]),
    st.sampled_from(["ials", "hkv"]),
)
def test_signals_against_items_and_days_are_those_of_one_event_at_a_time(
    seed: int, half_life_plays: float, half_life_days: float, rule: Rule
) -> None:
    """Skips and likes, events that come late and a half-life in days change no rank of one way and not of the other."""
    split = signals_of(seed)
    factors = some_factors(split, np.random.default_rng(seed))
    objective = replace(OBJECTIVE, rule=rule, half_life_plays=half_life_plays, half_life_days=half_life_days)

    ranks = fold_in_ranks(split, factors, objective)

    assert_same_ranks(*scores_of_fold_in(split, factors, objective), ranks)


def test_small_parts_give_the_same_ranks(split: Split, factors: Factors, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many listeners are unrolled at a time is a matter of memory alone; so is the number of threads."""
    monkeypatch.setattr(prequential, "_ENTRIES", 50)

    ranks = fold_in_ranks(split, factors, OBJECTIVE, threads=2)

    assert_same_ranks(*scores_of_fold_in(split, factors, OBJECTIVE), ranks)


def test_the_taste_of_a_listener_is_found(split: Split, factors: Factors) -> None:
    """Lists that follow each play have a higher hit rate than vectors that stand still."""
    followed = hit_rate(fold_in_ranks(split, factors, OBJECTIVE), 10, split.n_items)
    static = hit_rate(static_ranks(split, factors), 10, split.n_items)

    assert followed.low > static.high


def decayed_plays(split: Split, until: int, at_s: float, half_life_s: float = POPULAR_HALF_LIFE_S) -> Doubles:
    """Return every item's plays among the first events, halved every so often."""
    worth = 2.0 ** ((split.played_at_s.astype(np.float64) - at_s) / half_life_s)
    counted = (split.places < until) & (split.rows >= 0)
    return np.bincount(split.rows[counted], worth[counted], split.n_items).astype(np.float64)


def popular_scores(split: Split, half_life_s: float, relative_error: float) -> tuple[ItemScores, Rows]:
    """Return every item's plays before each scored event, and the row of the event's item."""
    events = scored_in_time(split)
    moments = [(split.places[event], float(split.played_at_s[event])) for event in events]
    plays = np.stack([decayed_plays(split, place, at_s, half_life_s) for place, at_s in moments])
    scores = without(plays, known_before(split, events))
    return ItemScores(scores, plays * relative_error), split.rows[events]


def test_popular_ranks_count_all_plays_before_an_event(split: Split) -> None:
    """Every item's plays so far, each decayed to the moment, make the popular list of that moment."""
    ranks = popular_ranks(split)

    expected = popular_scores(split, POPULAR_HALF_LIFE_S, relative_error=N_EVENTS * EPSILON)
    assert_same_ranks(*expected, ranks)
    assert share_decided(*expected) == 1
    assert MISS in ranks


def test_popular_ranks_may_count_plays_for_ever(split: Split) -> None:
    """Without a half-life the first play of all counts as much as the last: whole numbers, so ranks are exact."""
    ranks = popular_ranks(split, np.inf)

    assert_same_ranks(*popular_scores(split, np.inf, relative_error=0), ranks)


def test_static_ranks_ask_the_vectors_of_the_training(split: Split, factors: Factors) -> None:
    """A listener of the training keeps that vector; another gets the items that were popular at its end."""
    events = scored_in_time(split)
    x, known = factors.user_factors[split.users[events]], known_before(split, events)
    trained = np.asarray(x.any(axis=1))

    ranks = static_ranks(split, factors)

    personal = scores_of_vectors(x, factors.item_factors, known, relative_error=0)
    popular = decayed_plays(split, N_TRAINED, float(split.played_at_s[split.places == N_TRAINED - 1][0]))
    listable = without(np.tile(popular, (len(events), 1)), known)
    assert_same_ranks(personal.part(trained), split.rows[events][trained], ranks[trained])
    others = ItemScores(listable, np.broadcast_to(2 * ROUNDOFF * popular, listable.shape)).part(~trained)
    assert_same_ranks(others, split.rows[events][~trained], ranks[~trained])
    assert 0 < trained.sum() < len(trained)


def test_the_stream_is_not_trained_on(split: Split, factors: Factors) -> None:
    """The scores after a training depend on the first plays alone, so no list contains information of the future.

    Factors as such may differ: more listeners make other blocks of a product, whose rounding turns the diagonal basis.
    """
    first = split_events(drawn().part(slice(N_TRAINED)), N_TRAINED)

    alone = train_on(first, OBJECTIVE, np.random.default_rng(0))

    users = np.unique(first.users)
    expected, scores = (x.user_factors[users].astype(np.float64) @ x.item_factors.T for x in (alone, factors))
    np.testing.assert_allclose(expected, scores, rtol=0, atol=10 * VECTOR_ERROR * np.abs(expected).max())
    assert split.n_items == len(factors.item_factors)


def test_windows_do_not_add_listeners(split: Split) -> None:
    """Rows for windows take part in the training, and leave every listener their own vector."""
    matrix = train_on(split, replace(OBJECTIVE, window_plays=10), np.random.default_rng(0))

    assert (len(split.starts) - 1, 16) == matrix.user_factors.shape


def test_nothing_scored_is_no_rank(factors: Factors) -> None:
    """A stream without a scored event has no ranks, and no error either."""
    split = split_events(drawn(), N_EVENTS)

    assert [] == fold_in_ranks(split, factors, OBJECTIVE).tolist()
    assert [] == popular_ranks(split).tolist()
