"""The results of tuning on the disk."""

import math
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from jobs.tuning.results import (
    BEST,
    FOLDERS_MAX,
    SCORED,
    Best,
    ScoredSetting,
    TrialLog,
    TuningError,
    prune,
    read_best,
    tuned_objective,
    write_best,
)
from model.objective import Objective
from state.generations.manifest import Estimate
from streams.settings import SettingsError, override
from tests.support.settings import settings_with

SETTING = Objective(factors=8, regularization=0.1, unobserved_weight=0.30000000000000004, half_life_plays=2.0)
FIGURE = Estimate(value=0.25, low=0.2, high=0.3)


def best_of(objective: Objective = SETTING) -> Best:
    """Return the result of a search."""
    return Best(objective=objective, hit_at_20=FIGURE, mrr_at_20=FIGURE, n_events=9, trials=2, scored_on="9 plays")


def scored_of(objective: Objective = SETTING, seconds: float = 0.5) -> ScoredSetting:
    """Return a setting that was scored."""
    return ScoredSetting(objective=objective, hit_at_20=FIGURE, mrr_at_20=FIGURE, n_events=9, seconds=seconds)


@pytest.mark.parametrize("half_life", [2.0, math.inf])
def test_the_best_comes_back_as_it_was(tmp_path: Path, half_life: float) -> None:
    """To the last digit, and with a half-life that never ends, for which JSON has no number."""
    best = best_of(replace(SETTING, half_life_plays=half_life))

    write_best(tmp_path / "tuned", best)

    assert best == read_best(tmp_path / "tuned")
    assert [BEST] == [path.name for path in (tmp_path / "tuned").iterdir()]


def test_a_later_best_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """There is one file, and the last search wrote it."""
    write_best(tmp_path, best_of())
    later = best_of(replace(SETTING, regularization=0.4))

    write_best(tmp_path, later)

    assert later == read_best(tmp_path)


def test_before_any_search_there_is_no_best(tmp_path: Path) -> None:
    """Neither in an empty folder, nor where there is none."""
    assert read_best(tmp_path) is None
    assert read_best(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 1}', b'{"format": 1, "objective": {"factors": "8"}}'])
def test_a_damaged_best_is_an_error(tmp_path: Path, content: bytes) -> None:
    """The message names the file and the way out."""
    (tmp_path / BEST).write_bytes(content)

    with pytest.raises(TuningError) as caught:
        read_best(tmp_path)

    assert str(caught.value).startswith(f"{tmp_path / BEST} is damaged (")
    assert str(caught.value).endswith("): run `playfold tune` again.")


def test_a_truncated_best_is_damaged(tmp_path: Path) -> None:
    """At any byte of its text."""
    write_best(tmp_path, best_of())
    whole = (tmp_path / BEST).read_bytes().rstrip()

    for length in range(0, len(whole), 7):
        (tmp_path / BEST).write_bytes(whole[:length])
        with pytest.raises(TuningError, match="is damaged"):
            read_best(tmp_path)


def test_a_best_of_another_format_is_an_error(tmp_path: Path) -> None:
    """The message names both formats."""
    write_best(tmp_path, msgspec.structs.replace(best_of(), format=1))

    with pytest.raises(TuningError) as caught:
        read_best(tmp_path)

    expected = f"{tmp_path / BEST} is of format 1, this version reads 2: run `playfold tune` again."
    assert expected == str(caught.value)


def test_the_settings_select_the_hyperparameters(tmp_path: Path) -> None:
    """Those of an earlier tuning, or their own."""
    settings = settings_with(data_dir=str(tmp_path))
    write_best(settings.application.tuned_path, best_of())

    assert tuned_objective(settings) is None
    assert SETTING == tuned_objective(override(settings, hyperparameters="tuned"))


def test_selecting_a_tuning_that_never_ran_is_an_error(tmp_path: Path) -> None:
    """The message names the setting, the file and the command; other settings need no file."""
    settings = settings_with(data_dir=str(tmp_path), hyperparameters="tuned")

    with pytest.raises(SettingsError) as caught:
        tuned_objective(settings)

    expected = (
        f"PLAYFOLD_HYPERPARAMETERS is 'tuned', but {settings.application.tuned_path / BEST} is not there: "
        "run `playfold tune` first."
    )
    assert expected == str(caught.value)
    assert tuned_objective(override(settings, hyperparameters="settings")) is None


def test_selecting_a_damaged_tuning_is_an_error(tmp_path: Path) -> None:
    """No training falls back to the settings silently."""
    settings = settings_with(data_dir=str(tmp_path), hyperparameters="tuned")
    write_best(settings.application.tuned_path, best_of())
    (settings.application.tuned_path / BEST).write_bytes(b"{")

    with pytest.raises(TuningError, match="is damaged"):
        tuned_objective(settings)


def test_scored_settings_are_kept_line_by_line(tmp_path: Path) -> None:
    """The next process reads them in their order."""
    first, second = scored_of(), scored_of(replace(SETTING, half_life_plays=math.inf), seconds=1.5)
    log = TrialLog(tmp_path / "search")
    log.add(first)
    log.add(second)

    opened = TrialLog(tmp_path / "search")

    assert [first, second] == log.all == opened.all
    assert first == opened.find(replace(SETTING))
    assert second == opened.find(second.objective)
    assert opened.find(replace(SETTING, factors=9)) is None


def test_a_truncated_line_is_scored_again(tmp_path: Path) -> None:
    """At any byte: the lines before it count, and appended lines can be read."""
    first, second, third = (scored_of(replace(SETTING, window_plays=window)) for window in (0, 10, 20))
    log = TrialLog(tmp_path)
    log.add(first)
    n_first = (tmp_path / SCORED).stat().st_size
    log.add(second)
    whole = (tmp_path / SCORED).read_bytes()

    for length in range(n_first, len(whole)):
        (tmp_path / SCORED).write_bytes(whole[:length])
        cut = TrialLog(tmp_path)
        assert [first] == cut.all
        assert cut.find(second.objective) is None
        cut.add(third)
        cut.add(second)
        assert [first, third, second] == TrialLog(tmp_path).all


def test_the_newest_searches_are_kept(tmp_path: Path) -> None:
    """Opening a search makes it the newest; other files stay."""
    names = [f"search-{number}" for number in range(FOLDERS_MAX + 2)]
    for number, name in enumerate(names):
        TrialLog(tmp_path / name).add(scored_of())
        os.utime(tmp_path / name, (number, number))
    write_best(tmp_path, best_of())
    (tmp_path / ".aside").mkdir()
    os.utime(tmp_path / ".aside", (0, 0))
    TrialLog(tmp_path / names[0])

    prune(tmp_path)

    assert {names[0], *names[3:], BEST, ".aside"} == {path.name for path in tmp_path.iterdir()}
    assert [scored_of()] == TrialLog(tmp_path / names[0]).all


def test_few_searches_are_all_kept(tmp_path: Path) -> None:
    """Pruning removes nothing up to the limit."""
    for number in range(FOLDERS_MAX):
        (tmp_path / str(number)).mkdir()

    prune(tmp_path)

    assert FOLDERS_MAX == len(list(tmp_path.iterdir()))
