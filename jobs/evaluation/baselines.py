"""The models of an evaluation, playfold's own and the baselines, with their settings."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import product
from typing import TypeVar

import numpy as np

from jobs.evaluation.evaluate import Models
from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.seed import SEED
from model.arrays import Starts
from model.blend import Blend
from model.evaluation.blended_ranks import blended_ranks
from model.evaluation.event_log import Events, Split, split_events
from model.evaluation.isgd import Isgd, isgd_ranks
from model.evaluation.neighbours import Nearness, neighbour_ranks
from model.evaluation.periodic_retraining import retrained_ranks
from model.evaluation.prequential import fold_in_ranks, popular_ranks, static_ranks, train_on
from model.evaluation.rank_metrics import QualityError, hit_rate
from model.objective import Objective
from model.training import Factors, TrainingError

INNER = 0.7
"""Share of the training plays that train while settings are selected; the others score."""
RETRAININGS = 20
DAYS = {1: "1 day", 7: "7 days", 30: "30 days"}
"""Half-lives of recency by event time, as an alternative to recency by the listener's own plays."""
SIGNALS = "fold-in, with signals"
STATIC, POPULAR, ALL_TIME = "static vectors", "popular items", "popular items of all time"
LEARN_RATES, REGULARIZATIONS = (0.01, 0.03, 0.1, 0.3), (0.01, 0.1)
STRENGTHS = (0.0, 0.3, 1.0, 3.0)
WINDOWS, HALF_LIVES = (5.0, 20.0), (1.0, 2.0, 5.0)
_Setting = TypeVar("_Setting", Isgd, Nearness)


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """The settings of all models."""

    fold_in: Objective
    isgd: Isgd
    whole: Nearness
    """Item neighbours without a window."""
    windowed: Nearness
    blend: Blend = field(default_factory=Blend)
    """The blend of the fold-in's lists for listeners with few plays."""


def select_settings(
    trained: Events, fold_in: Objective, threads: int = 1, on_progress: ProgressCallback = no_progress
) -> BaselineSettings:
    """Select the settings of the baselines on the training plays alone, by hit@20 on a small grid.

    Args:
        trained: The training plays, in the order of time; the first ones train, the others score.
        fold_in: The objective of the fold-in.
        threads: Settings that are scored at a time.
        on_progress: Called after every setting.
    """
    split = split_events(trained, int(len(trained.users) * INNER))
    isgd = [Isgd(fold_in.factors, *pair) for pair in product(LEARN_RATES, REGULARIZATIONS)]
    whole = [Nearness(np.inf, half_life) for half_life in HALF_LIVES]
    windowed = [Nearness(*pair) for pair in product(WINDOWS, HALF_LIVES)]
    settings: list[Isgd | Nearness] = [*isgd, *whole, *windowed]
    rates: dict[Isgd | Nearness, float] = {}

    def report(done: int) -> None:
        total = len(settings) + len(STRENGTHS)
        on_progress(JobProgress("choosing settings on the plays that train", len(rates) + done, total))

    with ThreadPoolExecutor(threads) as pool:
        for setting, rate in zip(settings, pool.map(lambda setting: _rate(split, setting), settings), strict=True):
            report(0)
            rates[setting] = rate
    blend = _select_blend(split, fold_in, threads, report)
    return BaselineSettings(fold_in, _best(isgd, rates), _best(whole, rates), _best(windowed, rates), blend)


def _select_blend(split: Split, fold_in: Objective, threads: int, report: Callable[[int], None]) -> Blend:
    """Return the strength of the blend with the best hit@20, the weakest of equals."""
    factors, n_items, blends, rates = _trained(split, fold_in, threads), split.n_items, list[Blend](), list[float]()
    for strength in STRENGTHS:
        report(len(blends))
        blends.append(replace(Blend(), strength=strength))
        try:
            rates.append(hit_rate(blended_ranks(split, factors(), fold_in, blends[-1], threads), 20, n_items).value)
        except (QualityError, TrainingError):
            rates.append(0.0)
    return blends[int(np.argmax(rates))]


def _rate(split: Split, setting: Isgd | Nearness) -> float:
    """Return the hit rate of a setting, 0 if it diverges."""
    try:
        if isinstance(setting, Isgd):
            ranks = isgd_ranks(split, setting, np.random.default_rng(SEED))
        else:
            ranks = neighbour_ranks(split, setting)
        return hit_rate(ranks, 20, split.n_items).value
    except QualityError:
        return 0.0


def _best(grid: list[_Setting], rates: Mapping[Isgd | Nearness, float]) -> _Setting:
    """Return the best setting of a grid, the earliest of equals."""
    return max(grid, key=lambda setting: rates[setting])


def baseline_models(
    split: Split, settings: BaselineSettings, threads: int = 1, on_progress: ProgressCallback = no_progress
) -> Models:
    """Return all models, from the simplest to the one with the most trainings.

    Args:
        split: The events.
        settings: The settings of the models.
        threads: Threads of the kernels.
        on_progress: Called after every training of the last model.
    """
    fold_in, with_signals = settings.fold_in, split.with_signals()
    signals = _trained(with_signals, fold_in, threads) if split.has_signals else None
    split = split.plays_alone()
    factors = _trained(split, fold_in, threads)

    def by_days(half_life_days: float) -> Starts:
        setting = replace(fold_in, half_life_plays=np.inf, half_life_days=half_life_days)
        return fold_in_ranks(split, factors(), setting, threads)

    def retrained() -> Starts:
        def report(done: int) -> None:
            on_progress(JobProgress("streaming: fold-in, training again and again", done, RETRAININGS))

        return retrained_ranks(split, fold_in, SEED, RETRAININGS, threads, report)

    return {
        ALL_TIME: lambda: popular_ranks(split, np.inf),
        f"{POPULAR}, half-life 30 days": lambda: popular_ranks(split),
        STATIC: lambda: static_ranks(split, factors(), threads),
        "ISGD": lambda: isgd_ranks(split, settings.isgd, np.random.default_rng(SEED)),
        "item neighbours, no window": lambda: neighbour_ranks(split, settings.whole),
        "item neighbours, windowed": lambda: neighbour_ranks(split, settings.windowed),
        "fold-in, no recency": partial(by_days, np.inf),
        **{f"fold-in, half-life {days}": partial(by_days, n) for n, days in DAYS.items()},
        "fold-in": lambda: fold_in_ranks(split, factors(), fold_in, threads),
        "fold-in, blended": lambda: blended_ranks(split, factors(), fold_in, settings.blend, threads),
        **({SIGNALS: lambda: fold_in_ranks(with_signals, signals(), fold_in, threads)} if signals else {}),
        f"fold-in, retrained every {100 // RETRAININGS} %": retrained,
    }


def settings_models(split: Split, settings: dict[str, Objective], threads: int = 1) -> Models:
    """Return fold-ins with different settings, static vectors and popular items.

    Args:
        split: The events.
        settings: Objectives by the names of their rows; the first one also gives the static vectors.
        threads: Threads of the kernels.
    """
    trained = {name: _trained(split, setting, threads) for name, setting in settings.items()}
    first = next(iter(trained.values()))

    def folded(name: str) -> Callable[[], Starts]:
        return lambda: fold_in_ranks(split, trained[name](), settings[name], threads)

    return {
        **{name: folded(name) for name in settings},
        STATIC: lambda: static_ranks(split, first(), threads),
        POPULAR: lambda: popular_ranks(split),
    }


def _trained(split: Split, objective: Objective, threads: int) -> Callable[[], Factors]:
    """Return a function that trains at its first call and returns the same factors afterwards."""
    return cache(lambda: train_on(split, objective, np.random.default_rng(SEED), threads))
