"""The events of a search, and the prequential score of a setting on them."""

import time
from dataclasses import replace

import numpy as np

from jobs.seed import SEED
from jobs.tuning.results import ScoredSetting, TuningError
from model.evaluation.event_log import Events, split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.evaluation.rank_metrics import QualityError, hit_rate, mean_reciprocal_rank
from model.objective import Objective
from model.training import Factors, TrainingError
from state.generations.manifest import Estimate

TRAINED = 0.7
"""Share of the plays that train; the others stream."""
SCORED_MAX = 100_000
"""Approximate limit of scored events, kept by drawing listeners. The interval is then +-.003."""


class Dataset:
    """Events on which settings are scored.

    Attributes:
        description: The numbers of scored, streamed and training plays, as a phrase.
    """

    def __init__(self, events: Events, base: Objective, threads: int = 1, scored_max: int = SCORED_MAX) -> None:
        """Split the events into training and stream.

        Raises:
            TuningError: No event can be scored.
        """
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
        if n_scored > scored_max:
            # Listeners do not change each other's lists, so a sample streams as it would among all.
            drawn = np.random.default_rng(SEED).random(len(self._split.starts) - 1) < scored_max / n_scored
            trained = np.arange(len(events.users)) < n_trained
            self._split = split_events(events.part(trained | drawn[events.users]), n_trained).with_signals()
        self._trained: tuple[Objective, Factors] | None = None
        n_scored, n_streamed = int(self._split.scored.sum()), len(events.users) - n_trained
        self.description = f"{n_scored:,} of the last {n_streamed:,} plays, trained on the {n_trained:,} before them"

    def score(self, setting: Objective) -> ScoredSetting:
        """Train, unless the last training fits, and stream."""
        began = time.monotonic()
        try:
            ranks = fold_in_ranks(self._split, self._factors(setting), setting, self._threads)
        except (TrainingError, QualityError):
            # It diverged: all events are misses.
            ranks = np.zeros(int(self._split.scored.sum()), np.int64)
        return ScoredSetting(
            objective=setting,
            hit_at_20=Estimate(*hit_rate(ranks, 20, self._split.n_items)),
            mrr_at_20=Estimate(*mean_reciprocal_rank(ranks, 20, self._split.n_items)),
            n_events=len(ranks),
            seconds=round(time.monotonic() - began, 3),
        )

    def _factors(self, setting: Objective) -> Factors:
        """Train on values with the base's half-life, as histories have those of the half-life in service."""
        trained_setting = replace(setting, half_life_plays=self._base.half_life_plays)
        if self._trained is None or self._trained[0] != trained_setting:
            factors = train_on(self._split, trained_setting, np.random.default_rng(SEED), self._threads)
            self._trained = trained_setting, factors
        return self._trained[1]
