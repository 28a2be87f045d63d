"""Settings beside what everybody plays, on plays that nobody has seen."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.evaluation import POPULAR, SEED, STATIC, evaluate
from jobs.step import Step
from model.events import split_events
from model.prequential import fold_in_ranks, popular_ranks, static_ranks, train_on
from model.quality import QualityError, hit_rate, mean_reciprocal_rank
from tests.jobs.tastes import N_EVENTS, SMALL, drawn_events

N_TRAINED = N_EVENTS * 7 // 10
SETTINGS = {"chosen": replace(SMALL, half_life_plays=1.0), "given": SMALL}


def test_the_rows_follow_the_settings() -> None:
    """The settings in their order, then the static vectors and the popular items; the counts are of the split."""
    events = drawn_events()
    split = split_events(events, N_TRAINED)

    found = evaluate(events, N_TRAINED, SETTINGS)
    turned = evaluate(events, N_TRAINED, dict(reversed(SETTINGS.items())))

    assert ["chosen", "given", STATIC, POPULAR] == [row.name for row in found.rows]
    assert (N_TRAINED, int(split.scored.sum()), split.n_items) == found[:3]
    assert ["given", "chosen", STATIC, POPULAR] == [row.name for row in turned.rows]
    assert found.rows[:2] == turned.rows[1::-1]
    assert found.rows[3] == turned.rows[3]


def test_the_same_plays_give_the_same_figures() -> None:
    """To the last digit, whatever ran before."""
    first = evaluate(drawn_events(), N_TRAINED, SETTINGS)
    evaluate(drawn_events(seed=2), N_TRAINED, SETTINGS)

    assert first == evaluate(drawn_events(), N_TRAINED, SETTINGS)


def test_the_figures_are_those_of_a_training_on_the_first_plays() -> None:
    """What streams has no part in it: the factors are the same as if it had never been."""
    events = drawn_events()
    split = split_events(events, N_TRAINED)
    alone = split_events(events.part(slice(N_TRAINED)), N_TRAINED)
    factors = train_on(alone, SMALL, np.random.default_rng(SEED))
    ranks = [fold_in_ranks(split, factors, SMALL), static_ranks(split, factors), popular_ranks(split)]

    found = evaluate(events, N_TRAINED, {"given": SMALL})

    expected = [(hit_rate(each, 10, split.n_items), hit_rate(each, 20, split.n_items)) for each in ranks]
    assert expected == [row[1:3] for row in found.rows]
    assert [mean_reciprocal_rank(each, 20, split.n_items) for each in ranks] == [row.mrr_at_20 for row in found.rows]
    assert len(set(expected)) == len(expected)


def test_lists_that_follow_each_play_do_best_where_tastes_turn() -> None:
    """Better than the static vectors of the same training, which know the old taste alone."""
    found = evaluate(drawn_events(n_events=3000), 1400, {"given": SMALL})

    followed, static, _ = found.rows
    assert followed.hit_at_10.low > static.hit_at_10.high


def test_every_model_is_told() -> None:
    """Whoever watches sees how many there are, and the end."""
    told: list[Step] = []

    evaluate(drawn_events(), N_TRAINED, SETTINGS, told.append)

    names = ["streaming with chosen", "streaming with given", "streaming with the popular items", "streamed"]
    assert names == [step.name for step in told]
    assert [(0, 3), (1, 3), (2, 3), (3, 3)] == [(step.done, step.total) for step in told]


def test_nothing_to_stream_is_an_error() -> None:
    """There is no figure of no event."""
    with pytest.raises(QualityError, match="There are no ranks to judge"):
        evaluate(drawn_events(), N_EVENTS, SETTINGS)
