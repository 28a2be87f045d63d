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

    def __init__(self, events: Events, threads: int = 1, scored_max: int = SCORED_MAX) -> None:
        """Split the events into training and stream.

        Raises:
            TuningError: No event can be scored.
        """
        self._threads = threads
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
        self._has_repeats = not self._split.new[self._split.places < n_trained].all()
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
        """Train on a setting as a retrain does, or return the last factors if its training matrix is the same.

        The half-lives weigh the repeats of an item. Without repeats they do not change the matrix.
        """
        key = setting if self._has_repeats else replace(setting, half_life_plays=np.inf, half_life_days=np.inf)
        if self._trained is None or self._trained[0] != key:
            factors = train_on(self._split, setting, np.random.default_rng(SEED), self._threads)
            self._trained = key, factors
        return self._trained[1]
