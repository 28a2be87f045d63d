"""Trials of optuna: settings outside of the grid, by a tree-structured Parzen estimator (Bergstra et al. 2011)."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from jobs.tuning.results import ScoredSetting
from model.objective import Objective

NAME = "playfold"
SPACE: dict[str, BaseDistribution] = {
    "unobserved_weight": FloatDistribution(0.001, 3.0, log=True),
    "regularization": FloatDistribution(0.005, 0.5, log=True),
    "half_life_plays": FloatDistribution(0.5, 50.0, log=True),
    "window_plays": CategoricalDistribution([0, 10, 20, 40]),
}
_FROM_GRID = "from_grid"

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Trials:
    """A study of optuna in a journal on the disk, which a later process can continue.

    The settings depend on the seed and on the scores so far, not on the number of processes.
    """

    def __init__(self, journal: Path, base: Objective, scored: Iterable[ScoredSetting], seed: int) -> None:
        """Open or create the study, and add the scored settings that it does not contain."""
        self._base, self._seed = base, seed
        _drop_truncated_line(journal)
        storage = JournalStorage(JournalFileBackend(str(journal)))
        self._study = optuna.create_study(
            study_name=NAME, storage=storage, direction="maximize", load_if_exists=True, sampler=_sampler(seed)
        )
        known = [trial.params for trial in self._study.get_trials(deepcopy=False)]
        for setting in scored:
            if _parameters(setting.objective) not in known:
                self._add(setting)
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            # The process of this trial has ended.
            self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def n_completed(self) -> int:
        """Return the number of completed trials, without the settings of the grid."""
        completed = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return sum(_FROM_GRID not in trial.user_attrs for trial in completed)

    def ask(self) -> tuple[Trial, Objective]:
        """Return a trial, and the setting to score for it."""
        self._study.sampler = _sampler(self._seed + self.n_completed)
        trial = self._study.ask(SPACE)
        parameters: dict[str, Any] = trial.params
        return trial, replace(self._base, **parameters)

    def tell(self, trial: Trial, hit_at_20: float) -> None:
        """Report the score of a trial to optuna."""
        self._study.tell(trial, hit_at_20)

    def _add(self, setting: ScoredSetting) -> None:
        try:
            trial = optuna.trial.create_trial(
                params=_parameters(setting.objective),
                distributions=SPACE,
                value=setting.hit_at_20.value,
                user_attrs={_FROM_GRID: True},
            )
        except ValueError:  # outside the space
            return
        self._study.add_trial(trial)


def _parameters(objective: Objective) -> dict[str, Any]:
    """Return the parameters of a setting in the study."""
    return {name: getattr(objective, name) for name in SPACE}


def _drop_truncated_line(journal: Path) -> None:
    """Cut off a line that a killed process left incomplete: optuna would append to it."""
    if journal.exists():
        with journal.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    return optuna.samplers.TPESampler(seed=seed)
