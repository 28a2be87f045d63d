"""The search for hyperparameters: a small grid, then a local search around its best, then trials of optuna.

Every setting is scored by the prequential protocol: the first 70 % of the plays train, the others stream. The setting
with the best hit@20 wins. Settings whose intervals overlap with its interval may be as good.
The score of the best setting is too high, because it decided the selection; `jobs/evaluation/evaluate.py` measures the
quality on later plays.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import xxhash

from jobs.histories.training_set import TrainingSet
from jobs.objective import objective_of
from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.seed import SEED
from jobs.tuning.dataset import SCORED_MAX, TRAINED, Dataset
from jobs.tuning.optuna_trials import Trials
from jobs.tuning.results import (
    FORMAT,
    JOURNAL,
    Best,
    ScoredSetting,
    TrialLog,
    Tuned,
    TuningError,
    prune,
    read_best,
    write_best,
)
from model.arrays import lengths_of
from model.evaluation.event_log import Events, events_of_histories
from model.objective import Objective
from streams.settings import Settings

UNOBSERVED_AND_REGULARIZATION = ((0.01, 0.05), (0.03, 0.05), (0.1, 0.05), (1.0, 0.05))
UNOBSERVED = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
REGULARIZATIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
HALF_LIVES = (0.5, 1.0, 2.0, 3.0, 5.0, 20.0, float("inf"))
WINDOWS = (0, 20)
N_GRID = 2 + len(UNOBSERVED_AND_REGULARIZATION) * len(HALF_LIVES)
ROUNDS_MAX = 3
N_ROUND = 5 * 3
"""Settings of a round of the local search: five changes of the training, each with three half-lives."""


class _TimeIsUpError(Exception):
    """The budget is spent."""


def tune(
    events: Events,
    base: Objective,
    budget_s: float,
    trials: int,
    store: Path,
    on_progress: ProgressCallback = no_progress,
    threads: int = 1,
) -> Tuned:
    """Search the hyperparameters with the best lists, and write them into `store`.

    A search that was stopped is resumed: settings that were scored for the same events and `base` are not scored again.

    Args:
        events: All listeners' plays in the order of time, without those that later measure the result.
        base: The first setting; the search keeps its rule, factors and iterations.
        budget_s: Seconds after which no other setting is started. The first setting is always scored.
        trials: The number of optuna's trials after the grid; 0 for none.
        store: The folder of tuning results, `Settings.tuned_path`.
        on_progress: Called after every setting.
        threads: Threads of the kernels.

    Raises:
        TuningError: There are too few events, or the search does not support the rule of `base`.
    """
    _check_rule(base)
    dataset, folder = Dataset(events, threads), store / _fingerprint(events, base)
    search = _Search(dataset, TrialLog(folder), budget_s, N_GRID + trials, on_progress)
    prune(store)
    try:
        for setting in (base, *_earlier_best(store, base), *_grid(base)):
            search.score(setting)
        _local_search(search)
        if trials:
            _run_optuna_trials(search, base, trials, folder / JOURNAL)
    except _TimeIsUpError as error:
        on_progress(JobProgress(str(error), is_note=True))
    best = _best_record(search.log.all, dataset.description)
    write_best(store, best)
    return Tuned(best, search.log.all)


def _check_rule(base: Objective) -> None:
    """Check that the search supports the rule of a setting.

    Raises:
        TuningError: It does not.
    """
    if base.rule != "ials":
        message = f"Tuning searches the hyperparameters of rule ials, not of {base.rule}: set PLAYFOLD_RULE=ials."
        raise TuningError(message)


def _best_record(scored: Sequence[ScoredSetting], scored_on: str) -> Best:
    """Return the record of the best setting, of this search or an earlier one on the same events."""
    best = best_of(scored)
    return Best(
        objective=best.objective,
        hit_at_20=best.hit_at_20,
        mrr_at_20=best.mrr_at_20,
        n_events=best.n_events,
        trials=len(scored),
        scored_on=scored_on,
    )


def tune_on_histories(
    training_set: TrainingSet,
    settings: Settings,
    budget_s: float,
    trials: int = 0,
    on_progress: ProgressCallback = no_progress,
) -> Tuned:
    """Tune on the histories of a training set, without the held-out items of the gate.

    Raises:
        TuningError: There are too few plays, or the search does not support the rule of the settings.
    """
    is_used = np.repeat(training_set.active, lengths_of(training_set.histories.starts))
    is_used[training_set.held_out[training_set.held_out >= 0]] = False
    events = events_of_histories(training_set.histories, is_used)
    return tune(
        events,
        objective_of(settings.objective),
        budget_s,
        trials,
        settings.application.tuned_path,
        on_progress,
        settings.retraining.threads,
    )


class _Search:
    """A search: its scored settings and its budget.

    Attributes:
        log: All scored settings of the same events, of this search or an earlier one.
    """

    def __init__(
        self, dataset: Dataset, log: TrialLog, budget_s: float, total: int, on_progress: ProgressCallback
    ) -> None:
        """Begin with the settings of the log."""
        self.log = log
        self._visited: list[ScoredSetting] = []
        self._dataset, self._budget_s, self._on_progress = dataset, budget_s, on_progress
        self._began, self._done, self._total = time.monotonic(), 0, total

    @property
    def best(self) -> ScoredSetting:
        """Return the best setting that this search visited, whether it was scored now or earlier.

        So a resumed search visits the same settings as one that was never stopped.
        """
        return best_of(self._visited)

    def expect(self, n_settings: int) -> None:
        """Add settings to the total of the progress."""
        self._total += n_settings

    def score(self, setting: Objective) -> ScoredSetting:
        """Score a setting, unless the log has its score."""
        scored = self.log.find(setting)
        if scored is None:
            if self.log.all and time.monotonic() - self._began >= self._budget_s:
                message = f"The budget of {self._budget_s:g} s is spent; the best setting so far is used."
                raise _TimeIsUpError(message)
            scored = self._dataset.score(setting)
            self.log.add(scored)
        self._visited.append(scored)
        self._done += 1
        self._on_progress(
            JobProgress(f"tuning, best hit@20 so far {self.best.hit_at_20.value:.4f}", self._done, self._total)
        )
        return scored


def best_of(scored: Sequence[ScoredSetting]) -> ScoredSetting:
    """Return the setting with the best hit@20, the earliest of equals."""
    return max(scored, key=lambda setting: setting.hit_at_20.value)


def _earlier_best(store: Path, base: Objective) -> list[Objective]:
    """Return the best setting of an earlier search, on any plays, as a start for a short search; empty if none."""
    try:
        best = read_best(store)
    except TuningError:  # this search will replace it
        return []
    if best is None:
        return []
    earlier = best.objective
    return [
        replace(
            base,
            unobserved_weight=earlier.unobserved_weight,
            regularization=earlier.regularization,
            half_life_plays=earlier.half_life_plays,
            window_plays=earlier.window_plays,
        )
    ]


def _grid(base: Objective) -> Iterator[Objective]:
    """Yield the coarse grid; settings that may share a training are adjacent."""
    for unobserved_weight, regularization in UNOBSERVED_AND_REGULARIZATION:
        for half_life_plays in HALF_LIVES:
            yield replace(
                base,
                unobserved_weight=unobserved_weight,
                regularization=regularization,
                half_life_plays=half_life_plays,
                window_plays=0,
            )


def _local_search(search: _Search) -> None:
    """Change one parameter of the best setting at a time, until a round finds no better setting."""
    for _ in range(ROUNDS_MAX):
        before = search.best
        search.expect(N_ROUND)
        for change in range(N_ROUND // 3):
            best = search.best.objective
            changed = _changes(best)[change]
            for half_life_plays in (*_neighbours(HALF_LIVES, best.half_life_plays), best.half_life_plays):
                search.score(replace(changed, half_life_plays=half_life_plays))
        if search.best == before:
            return


def _changes(best: Objective) -> list[Objective]:
    """Return the neighbours of a setting that need another training."""
    less, more = _neighbours(REGULARIZATIONS, best.regularization)
    lighter, heavier = _neighbours(UNOBSERVED, best.unobserved_weight)
    return [
        replace(best, window_plays=next(window for window in WINDOWS if window != best.window_plays)),
        replace(best, regularization=more),
        replace(best, regularization=less),
        replace(best, unobserved_weight=heavier),
        replace(best, unobserved_weight=lighter),
    ]


def _neighbours(ladder: Sequence[float], value: float) -> tuple[float, float]:
    """Return the next lower and the next higher step of a ladder; at an end, the value itself.

    >>> _neighbours((1.0, 2.0, 5.0), 2.0), _neighbours((1.0, 2.0, 5.0), 5.0)
    ((1.0, 5.0), (2.0, 5.0))
    """
    below = [step for step in ladder if step < value]
    above = [step for step in ladder if step > value]
    return (below or [value])[-1], (above or [value])[0]


def _run_optuna_trials(search: _Search, base: Objective, n_trials: int, journal: Path) -> None:
    """Score the settings of optuna's trials, until all processes together have completed `n_trials`."""
    trials = Trials(journal, base, search.log.all, SEED)
    while trials.n_completed < n_trials:
        trial, setting = trials.ask()
        trials.tell(trial, search.score(setting).hit_at_20.value)


def _fingerprint(events: Events, base: Objective) -> str:
    """Return a hash of a search: its events, its first setting, and the constants of its scores."""
    digest = xxhash.xxh3_128(msgspec.json.encode((FORMAT, TRAINED, SCORED_MAX, SEED, base)))
    for column in events:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
