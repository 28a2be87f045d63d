"""The quality of several models' lists on the same plays, which took no part in their selection."""

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from jobs.progress import JobProgress, ProgressCallback, no_progress
from model.arrays import Flags, Starts
from model.evaluation.event_log import Split
from model.evaluation.rank_metrics import HISTORY_KINDS, hit_rate, mean_reciprocal_rank
from state.generations.manifest import Estimate

PARTS = 20
"""Equal parts of the scored events, for quality over time."""
Models = Mapping[str, Callable[[], Starts]]
"""By the name of a row, a function that returns the rank of every scored event's item, in the order of time."""


class Part(msgspec.Struct, frozen=True):
    """Some of the scored events."""

    name: str
    """A number from 1 in the order of time, or a range of history lengths."""
    n_events: int
    hit_at_20: Estimate


class Figures(msgspec.Struct, frozen=True):
    """The quality of one model's lists."""

    name: str
    hit_at_10: Estimate
    hit_at_20: Estimate
    mrr_at_20: Estimate
    over_time: list[Part]
    by_history: list[Part]


class Evaluation(msgspec.Struct, frozen=True):
    """The quality of several models on the same events."""

    n_trained: int
    n_events: int
    """Events that were scored."""
    n_items: int
    """Items that were ranked."""
    rows: list[Figures]


def evaluate(split: Split, models: Models, on_progress: ProgressCallback = no_progress) -> Evaluation:
    """Rank the scored events with every model, one after the other.

    Args:
        split: The events; no streamed event may have taken part in a selection of settings.
        models: The models by the names of their rows.
        on_progress: Called after every model.

    Raises:
        QualityError: No event can be scored, or a model's scores are not finite.
        TrainingError: A training diverged.
    """
    by_time = np.argsort(split.places)
    lengths = split.lengths[by_time][split.scored[by_time]]
    rows = []
    for done, (name, ranks) in enumerate(models.items()):
        on_progress(JobProgress(f"streaming: {name}", done, len(models)))
        rows.append(_figures(name, ranks(), lengths, split.n_items))
    on_progress(JobProgress("streamed", len(models), len(models)))
    return Evaluation(split.n_trained, len(lengths), split.n_items, rows)


def _figures(name: str, ranks: Starts, lengths: Starts, n_items: int) -> Figures:
    at_10, at_20 = hit_rate(ranks, 10, n_items), hit_rate(ranks, 20, n_items)
    parts = np.arange(len(ranks)) * PARTS // max(len(ranks), 1)
    over_time = {f"{part + 1}": parts == part for part in range(PARTS)}
    by_history = {kind: (low <= lengths) & (lengths <= high) for kind, (low, high) in HISTORY_KINDS.items()}
    return Figures(
        name,
        Estimate(*at_10),
        Estimate(*at_20),
        Estimate(*mean_reciprocal_rank(ranks, 20, n_items)),
        _parts(over_time, ranks, n_items),
        _parts(by_history, ranks, n_items),
    )


def _parts(parts: dict[str, Flags], ranks: Starts, n_items: int) -> list[Part]:
    """Return the hit rates of all parts that have events."""
    return [
        Part(name, int(part.sum()), Estimate(*hit_rate(ranks[part], 20, n_items)))
        for name, part in parts.items()
        if part.any()
    ]
