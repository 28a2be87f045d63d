"""optuna's study in its journal: the trials do not depend on the number of processes."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from jobs.tuning.optuna_trials import NAME, Trials
from jobs.tuning.results import ScoredSetting
from model.objective import Objective
from state.generations.manifest import Estimate
from tests.support.tastes import SMALL

PROJECT = Path(__file__).parents[3]
SEED = 3
DYING = """
import os, signal, sys
from pathlib import Path
from jobs.tuning.optuna_trials import Trials
from tests.support.tastes import SMALL
Trials(Path(sys.argv[1]), SMALL, [], 3).ask()
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A process that asks, and is killed before it can tell."""


def hits_of(setting: Objective) -> float:
    """Return a made-up hit rate of a setting, the higher the nearer to one point."""
    return float(1 - abs(np.log(setting.regularization / 0.1)) / 10 - abs(np.log(setting.unobserved_weight / 0.1)) / 20)


def ask(journal: Path, n: int, scored: list[ScoredSetting] | None = None, seed: int = SEED) -> list[Objective]:
    """Open a study, ask so many times, and tell how well each setting did."""
    trials, settings = Trials(journal, SMALL, scored or [], seed), []
    for _ in range(n):
        trial, setting = trials.ask()
        trials.tell(trial, hits_of(setting))
        settings.append(setting)
    return settings


def scored(n: int) -> list[ScoredSetting]:
    """Return scored settings of a grid, the first of which is outside of the search space."""
    settings = [replace(SMALL, half_life_plays=float("inf"))]
    settings += [replace(SMALL, regularization=0.01 + 0.4 * number / n) for number in range(n - 1)]
    figures = [Estimate(value=hits_of(setting), low=0.0, high=1.0) for setting in settings]
    return [
        ScoredSetting(objective=setting, hit_at_20=figure, mrr_at_20=figure, n_events=9, seconds=0.1)
        for setting, figure in zip(settings, figures, strict=True)
    ]


def states(journal: Path) -> list[TrialState]:
    """Return how the trials of a study stand, as optuna itself reads its journal."""
    study = optuna.load_study(study_name=NAME, storage=JournalStorage(JournalFileBackend(str(journal))))
    return [trial.state for trial in study.trials]


def test_a_trial_is_a_setting_of_the_base(tmp_path: Path) -> None:
    """Inside the search space; all other parameters are those of the base."""
    settings = ask(tmp_path / "journal", 12)

    assert 12 == len(set(settings))
    for setting in settings:
        assert SMALL.rule == setting.rule
        assert SMALL.factors == setting.factors
        assert SMALL.iterations == setting.iterations
        assert 0.005 <= setting.regularization <= 0.5
        assert 0.001 <= setting.unobserved_weight <= 3
        assert 0.5 <= setting.half_life_plays <= 50
        assert setting.window_plays in {0, 10, 20, 40}


@pytest.mark.parametrize("parts", [[14], [6, 8], [1, 12, 1]])
def test_a_study_goes_on_where_it_was(tmp_path: Path, parts: list[int]) -> None:
    """A later process gets the same trials, with the same scores, as one process would."""
    expected = ask(tmp_path / "whole", 14)

    assert expected == [setting for n in parts for setting in ask(tmp_path / "parts", n)]
    assert 14 == Trials(tmp_path / "parts", SMALL, [], SEED).n_completed


def test_another_seed_gives_other_trials(tmp_path: Path) -> None:
    """Trials are random."""
    assert not set(ask(tmp_path / "one", 3)) & set(ask(tmp_path / "two", 3, seed=SEED + 100))


def test_settings_of_the_grid_are_no_trials(tmp_path: Path) -> None:
    """They change the next trials and are added once; settings outside of the search space are left out."""
    known = ask(tmp_path / "known", 2, scored(16))

    assert known != ask(tmp_path / "new", 2)
    assert 2 == Trials(tmp_path / "known", SMALL, scored(16), SEED).n_completed
    assert 15 + 2 == len(states(tmp_path / "known"))


def test_a_truncated_line_is_dropped(tmp_path: Path) -> None:
    """At any byte: the study continues without it."""
    journal, whole = tmp_path / "journal", tmp_path / "whole"
    expected = ask(whole, 5)
    ask(journal, 2)
    n_lines = journal.read_bytes().count(b"\n")
    ask(journal, 1)
    lines = journal.read_bytes().splitlines(keepends=True)

    for length in (1, len(lines[n_lines]) // 2, len(lines[n_lines]) - 1):
        journal.write_bytes(b"".join(lines[:n_lines]) + lines[n_lines][:length])
        assert expected[2:] == ask(journal, 3)
        assert [TrialState.COMPLETE] * 5 == states(journal)


@pytest.mark.processes
@pytest.mark.parametrize("n_completed", [0, 2])
def test_a_trial_whose_process_died_is_asked_for_again(tmp_path: Path, n_completed: int) -> None:
    """It does not count, and does not run for ever."""
    journal, whole = tmp_path / "journal", tmp_path / "whole"
    expected = ask(whole, n_completed + 2)
    ask(journal, n_completed)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    died = subprocess.run([sys.executable, "-c", DYING, journal], cwd=PROJECT, env=environment, check=False)
    assert -signal.SIGKILL == died.returncode
    assert TrialState.RUNNING == states(journal)[-1]

    assert expected[n_completed:] == ask(journal, 2)

    done, failed = [TrialState.COMPLETE], [TrialState.FAIL]
    assert done * n_completed + failed + done * 2 == states(journal)
    assert n_completed + 2 == Trials(journal, SMALL, [], SEED).n_completed


def test_a_study_that_was_told_a_part_of_the_grid_is_told_the_rest(tmp_path: Path) -> None:
    """A process may die while it tells; nothing is told twice."""
    journal, grid = tmp_path / "journal", scored(9)
    ask(journal, 0, grid[:3])

    ask(journal, 0, grid)
    ask(journal, 0, grid)

    assert [TrialState.COMPLETE] * 8 == states(journal)
