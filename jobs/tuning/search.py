"""The best hyperparameters for some plays: a small grid, then what lies around its best, then optuna if it is asked.

Every setting is scored by the prequential protocol on the plays that are given, cut in two: the first 70 % train, the
rest streams. The best value of hit@20 wins; settings whose intervals overlap it are as good for all that is known.
Figures of the best flatter it, since it was chosen by them: only later plays tell how good it is
(`jobs/evaluation/evaluate.py`).
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
from jobs.tuning.optuna_trials import Trials
from jobs.tuning.results import (
    FORMAT,
    JOURNAL,
    Best,
    Scored,
    ScoredFile,
    Tuned,
    TuningError,
    prune,
    read_best,
    write_best,
)
from model.evaluation.event_log import Events, events_of_histories, split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.evaluation.rank_metrics import Interval, QualityError, hit_rate, mean_reciprocal_rank
from model.objective import Objective
from model.training import Factors, TrainingError
from state.generations.manifest import Estimate
from streams.settings import Settings

SEED = 0
TRAINED = 0.7
"""Share of the plays that train; the rest streams."""
SCORED_MAX = 100_000
"""Events that are scored, about; of more, those of some listeners are drawn. The interval is then +-.003."""
UNOBSERVED_AND_REGULARIZATION = ((0.01, 0.05), (0.03, 0.05), (0.1, 0.05), (1.0, 0.05))
UNOBSERVED = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
REGULARIZATIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
HALF_LIVES = (0.5, 1.0, 2.0, 3.0, 5.0, 20.0, float("inf"))
WINDOWS = (0, 20)
N_GRID = 2 + len(UNOBSERVED_AND_REGULARIZATION) * len(HALF_LIVES)
ROUNDS_MAX = 3
N_ROUND = 5 * 3
"""Settings of a round around the best: changes of the training, each with three half-lives."""


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
    """Find the hyperparameters whose lists would have been best, and keep them in `store`.

    What was scored for the same events and the same `base`, by this process or an earlier one that was stopped, is not
    scored again.

    Args:
        events: Plays of everybody in time order. Whatever is to judge the result must not be among them.
        base: The setting to begin with; the search keeps its rule, factors and iterations.
        budget_s: Seconds after which no further setting is begun; the first one always is. What is scored by then
            counts.
        trials: Settings that optuna may ask for after the grid; 0 for none.
        store: Folder of what tuning found, `Settings.tuned_path`.
        on_progress: Called after every setting.
        threads: Threads of the kernels.

    Raises:
        TuningError: There is nothing to tune on, or `base` is of a rule that is not searched.
    """
    if base.rule != "ials":
        message = f"Tuning searches the hyperparameters of rule ials, not of {base.rule}: set PLAYFOLD_RULE=ials."
        raise TuningError(message)
    bench = _Bench(events, base, threads)
    folder = store / _fingerprint(events, base)
    search = _Search(bench, ScoredFile(folder), budget_s, N_GRID + trials, on_progress)
    prune(store)
    try:
        for setting in (base, *_found_before(store, base), *_grid(base)):
            search.score(setting)
        _look_around(search)
        if trials:
            _ask_optuna(search, base, trials, folder / JOURNAL)
    except _TimeIsUpError:
        on_progress(JobProgress(f"The budget of {budget_s:g} s is spent; what is scored counts.", is_note=True))
    found = _found(search.kept.all, bench.told)
    write_best(store, found)
    return Tuned(found, search.kept.all)


def _found(scored: Sequence[Scored], scored_on: str) -> Best:
    """Return the best of what was scored, by this search or an earlier one on the same events."""
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
    found: TrainingSet,
    settings: Settings,
    budget_s: float,
    trials: int = 0,
    on_progress: ProgressCallback = no_progress,
) -> Tuned:
    """Do the same on the histories of a training set, without what is held out to judge generations by.

    Raises:
        TuningError: There is nothing to tune on, or the settings name a rule that is not searched.
    """
    kept = np.repeat(found.active, np.diff(found.histories.starts))
    kept[found.held_out[found.held_out >= 0]] = False
    events = events_of_histories(found.histories, kept)
    return tune(
        events,
        objective_of(settings),
        budget_s,
        trials,
        settings.application.tuned_path,
        on_progress,
        settings.retraining.threads,
    )


class _Bench:
    """Some events, on which settings are scored."""

    def __init__(self, events: Events, base: Objective, threads: int) -> None:
        """Cut the events in two."""
        self._base, self._threads = base, threads
        n_trained = int(len(events.users) * TRAINED)
        self._split = split_events(events, n_trained).with_signals()
        n_scored = int(self._split.scored.sum())
        if not n_trained or not n_scored:
            message = (
                f"There is nothing to tune on: of {len(events.users):,} plays none of the last "
                f"{1 - TRAINED:.0%} is of a listener's second or later item. Replay more plays first."
            )
            raise TuningError(message)
        if n_scored > SCORED_MAX:
            # Listeners do not touch each other's lists, so some of them stream as they would among all.
            drawn = np.random.default_rng(SEED).random(len(self._split.starts) - 1) < SCORED_MAX / n_scored
            trained = np.arange(len(events.users)) < n_trained
            self._split = split_events(events.part(trained | drawn[events.users]), n_trained).with_signals()
        self._trained: tuple[Objective, Factors] | None = None
        n_scored, n_streamed = int(self._split.scored.sum()), len(events.users) - n_trained
        self.told = f"{n_scored:,} of the last {n_streamed:,} plays, trained on the {n_trained:,} before them"

    def score(self, setting: Objective) -> Scored:
        """Train, or take the last training if it fits, and stream."""
        began = time.monotonic()
        try:
            ranks = fold_in_ranks(self._split, self._factors(setting), setting, self._threads)
        except (TrainingError, QualityError):
            # It diverged: it finds nothing.
            ranks = np.zeros(int(self._split.scored.sum()), np.int64)
        return Scored(
            objective=setting,
            hit_at_20=_estimate(hit_rate(ranks, 20, self._split.n_items)),
            mrr_at_20=_estimate(mean_reciprocal_rank(ranks, 20, self._split.n_items)),
            n_events=len(ranks),
            seconds=round(time.monotonic() - began, 3),
        )

    def _factors(self, setting: Objective) -> Factors:
        """Train on values as the base's half-life makes them, as histories hold those of the half-life in service."""
        wanted = replace(setting, half_life_plays=self._base.half_life_plays)
        if self._trained is None or self._trained[0] != wanted:
            found = train_on(self._split, wanted, np.random.default_rng(SEED), self._threads)
            self._trained = wanted, found
        return self._trained[1]


class _Search:
    """What is scored so far, and how much longer it may go on."""

    def __init__(
        self, bench: _Bench, kept: ScoredFile, budget_s: float, total: int, on_progress: ProgressCallback
    ) -> None:
        """Begin with what is scored already."""
        self.kept = kept
        self._walked: list[Scored] = []
        self._bench, self._budget_s, self._on_progress = bench, budget_s, on_progress
        self._began, self._done, self._total = time.monotonic(), 0, total

    @property
    def best(self) -> Scored:
        """Return the best setting that this search came past, whether it was scored now or earlier.

        So a search that goes on walks the way of one that was never stopped.
        """
        return best_of(self._walked)

    def expect(self, n_settings: int) -> None:
        """Take note of settings to come, for whoever watches."""
        self._total += n_settings

    def score(self, setting: Objective) -> Scored:
        """Score a setting, unless it is scored already."""
        scored = self.kept.find(setting)
        if scored is None:
            if self.kept.all and time.monotonic() - self._began >= self._budget_s:
                raise _TimeIsUpError
            scored = self._bench.score(setting)
            self.kept.add(scored)
        self._walked.append(scored)
        self._done += 1
        self._on_progress(
            JobProgress(f"tuning, best hit@20 so far {self.best.hit_at_20.value:.4f}", self._done, self._total)
        )
        return scored


def best_of(scored: Sequence[Scored]) -> Scored:
    """Return the setting with the best hit@20, the earliest of equals."""
    return max(scored, key=lambda found: found.hit_at_20.value)


def _found_before(store: Path, base: Objective) -> list[Objective]:
    """Return what an earlier search found, on whatever plays: a short one goes on from there."""
    try:
        best = read_best(store)
    except TuningError:  # it is about to be replaced
        return []
    if best is None:
        return []
    found = best.objective
    return [
        replace(
            base,
            unobserved_weight=found.unobserved_weight,
            regularization=found.regularization,
            half_life_plays=found.half_life_plays,
            window_plays=found.window_plays,
        )
    ]


def _grid(base: Objective) -> Iterator[Objective]:
    """Yield the coarse grid; settings of one training follow each other."""
    for unobserved_weight, regularization in UNOBSERVED_AND_REGULARIZATION:
        for half_life_plays in HALF_LIVES:
            yield replace(
                base,
                unobserved_weight=unobserved_weight,
                regularization=regularization,
                half_life_plays=half_life_plays,
                window_plays=0,
            )


def _look_around(search: _Search) -> None:
    """Change one thing of the best setting at a time, until a round of that brings nothing better."""
    for _ in range(ROUNDS_MAX):
        before = search.best
        search.expect(N_ROUND)
        for change in range(N_ROUND // 3):
            best = search.best.objective
            changed = _changes(best)[change]
            for half_life_plays in (*_beside(HALF_LIVES, best.half_life_plays), best.half_life_plays):
                search.score(replace(changed, half_life_plays=half_life_plays))
        if search.best == before:
            return


def _changes(best: Objective) -> list[Objective]:
    """Return the settings beside one, each of which asks for another training."""
    less, more = _beside(REGULARIZATIONS, best.regularization)
    lighter, heavier = _beside(UNOBSERVED, best.unobserved_weight)
    return [
        replace(best, window_plays=next(found for found in WINDOWS if found != best.window_plays)),
        replace(best, regularization=more),
        replace(best, regularization=less),
        replace(best, unobserved_weight=heavier),
        replace(best, unobserved_weight=lighter),
    ]


def _beside(ladder: Sequence[float], value: float) -> tuple[float, float]:
    """Return the steps of a ladder below and above a value, the value itself at an end.

    >>> _beside((1.0, 2.0, 5.0), 2.0), _beside((1.0, 2.0, 5.0), 5.0)
    ((1.0, 5.0), (2.0, 5.0))
    """
    below = [step for step in ladder if step < value]
    above = [step for step in ladder if step > value]
    return (below or [value])[-1], (above or [value])[0]


def _ask_optuna(search: _Search, base: Objective, n_trials: int, journal: Path) -> None:
    """Score what optuna asks for, until it was asked so many times, by whichever process."""
    trials = Trials(journal, base, search.kept.all, SEED)
    while trials.n_told < n_trials:
        trial, setting = trials.ask()
        trials.tell(trial, search.score(setting).hit_at_20.value)


def _fingerprint(events: Events, base: Objective) -> str:
    """Return what tells one search from another: the events, the setting it begins with, how settings are scored."""
    told = xxhash.xxh3_128(msgspec.json.encode((FORMAT, TRAINED, SCORED_MAX, SEED, base)))
    for column in events:
        told.update(np.ascontiguousarray(column).tobytes())
    return told.hexdigest()


def _estimate(interval: Interval) -> Estimate:
    return Estimate(*interval)
