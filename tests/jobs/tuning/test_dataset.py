"""The events of a search."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from jobs.seed import SEED
from jobs.tuning.dataset import TRAINED, Dataset
from jobs.tuning.results import TuningError
from model.evaluation.event_log import Events, events_of, split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.evaluation.rank_metrics import hit_rate
from model.objective import Objective
from tests.support.tastes import SMALL, drawn_events


def test_many_events_are_scored_by_a_sample_of_the_listeners() -> None:
    """About as many as the limit; all training plays are used, and the sample is the same every time."""
    first, second = (Dataset(drawn_events(), scored_max=60) for _ in range(2))

    scored = first.score(SMALL)

    assert 30 < scored.n_events < 90
    assert f"{scored.n_events} of the last 300 plays, trained on the 700 before them" == first.description
    assert scored.hit_at_20 == second.score(SMALL).hit_at_20


@pytest.mark.parametrize("n_events", [0, 2, 50])
def test_too_few_plays_are_an_error(n_events: int) -> None:
    """None at all, too few, or only listeners' first plays."""
    with pytest.raises(TuningError) as caught:
        Dataset(drawn_events().part(slice(n_events)))

    expected = (
        f"There is nothing to tune on: of {n_events} plays none of the last 30% is of a listener's second or later "
        "item. Replay more plays first."
    )
    assert expected == str(caught.value)


HALF_LIVES = [replace(SMALL, half_life_plays=1.0), replace(SMALL, half_life_plays=np.inf, half_life_days=2.0)]


def without_repeats() -> Events:
    """Return plays of listeners without repeats, one listener after the other at every moment."""
    items = np.concatenate([np.random.default_rng(user).permutation(40)[:12] for user in range(30)])
    users = np.repeat(np.arange(30), 12)
    times = np.tile(np.arange(12), 30) * 30 + users
    return events_of(users, items.astype(np.uint64), times.astype(np.uint32))


@pytest.mark.parametrize("setting", HALF_LIVES)
@pytest.mark.parametrize("events", [drawn_events(), without_repeats()], ids=["repeats", "no repeats"])
def test_a_setting_is_trained_with_its_half_lives(events: Events, setting: Objective) -> None:
    """A retrain weighs repeats by the half-lives of the setting; an earlier setting changes nothing."""
    split, dataset = split_events(events, int(len(events.users) * TRAINED)), Dataset(events)
    dataset.score(SMALL)

    scored = dataset.score(setting)

    factors = train_on(split, setting, np.random.default_rng(SEED))
    expected = hit_rate(fold_in_ranks(split, factors, setting), 20, split.n_items)
    assert expected.value == scored.hit_at_20.value
    np.testing.assert_array_equal(factors.item_factors, dataset._factors(setting).item_factors)  # noqa: SLF001


@pytest.mark.parametrize(("events", "n_trainings"), [(drawn_events(), 3), (without_repeats(), 1)])
def test_half_lives_share_a_training_without_repeats(
    events: Events, n_trainings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With repeats every half-life has a training matrix; without repeats there is one for all."""
    train = Mock(wraps=train_on)
    monkeypatch.setattr("jobs.tuning.dataset.train_on", train)
    dataset = Dataset(events)

    for setting in (SMALL, *HALF_LIVES):
        dataset.score(setting)

    assert n_trainings == train.call_count
