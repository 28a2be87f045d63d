"""Tuning on listeners' histories uses the plays of the training alone."""

from pathlib import Path

import numpy as np
import pytest

from jobs.histories.training_set import training_set_of
from jobs.tuning.results import SCORED, Tuned, TuningError, read_best
from jobs.tuning.search import tune_on_histories
from streams.settings import Settings, override
from tests.support.settings import settings_with
from tests.support.snapshots import Played, snapshot_of

N_LISTENERS = 40


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings under which everybody is asked at the gate."""
    return settings_with(data_dir=str(tmp_path), factors=8, iterations=2, gate_share=1.0)


def listeners(last: int, before: int = 40, n_first: int = 10) -> Played:
    """Return listeners of a taste each, the item before their last one, and the last."""
    rng = np.random.default_rng(0)
    return {
        f"u{user:02}": [*(f"i{user % 5}-{item}" for item in rng.permutation(12)[:n_first]), f"{before}", f"{last}"]
        for user in range(N_LISTENERS)
    }


def tuned_on(folder: Path, plays: Played, settings: Settings) -> Tuned:
    """Tune on histories, on the first setting alone."""
    folder.mkdir()
    return tune_on_histories(training_set_of(snapshot_of(folder, plays), settings), settings, 0)


def test_what_the_gate_asks_for_is_not_tuned_on(settings: Settings, tmp_path: Path) -> None:
    """Another item in its place is no other search; one in the place before it is."""
    first = tuned_on(tmp_path / "first", listeners(last=50), settings)

    assert first == tuned_on(tmp_path / "last", listeners(last=51), settings)
    assert 1 == n_searches(settings)
    tuned_on(tmp_path / "before", listeners(last=50, before=41), settings)
    assert 2 == n_searches(settings)


def n_searches(settings: Settings) -> int:
    """Return on how many sets of events anything was scored."""
    return len(list(settings.application.tuned_path.glob(f"*/{SCORED}")))


@pytest.mark.parametrize(("gate_share", "n_events"), [(1.0, N_LISTENERS * 11), (0.0, N_LISTENERS * 12)])
def test_histories_are_tuned_on_as_they_would_be_trained(
    settings: Settings, tmp_path: Path, gate_share: float, n_events: int
) -> None:
    """Without held-out items; the search keeps the rule of the settings and stores its best for their group."""
    settings = override(settings, gate_share=gate_share)

    tuned = tuned_on(tmp_path / "snapshot", listeners(last=50), settings)

    assert tuned.best.scored_on.endswith(f"trained on the {n_events * 7 // 10} before them")
    assert 8 == tuned.objective.factors
    assert 2 == tuned.objective.iterations
    assert 5.0 == tuned.objective.half_life_plays
    assert tuned.best == read_best(settings.application.tuned_path)


def test_who_is_not_trained_on_is_not_tuned_on(settings: Settings, tmp_path: Path) -> None:
    """Only one has played enough; if nobody has, there is nothing to tune on."""
    plays = listeners(last=50) | {"much": [f"i{number}" for number in range(21)]}
    stricter = override(settings, active_plays_min=13)
    nobody = override(settings, active_plays_min=22)

    tuned = tuned_on(tmp_path / "stricter", plays, stricter)

    assert "6 of the last 6 plays, trained on the 14 before them" == tuned.best.scored_on
    with pytest.raises(TuningError, match="There is nothing to tune on: of 0 plays"):
        tuned_on(tmp_path / "nobody", plays, nobody)
