"""How good lists would have been on plays that nobody has seen: a setting beside what everybody plays."""

from typing import NamedTuple

import numpy as np

from jobs.step import Step, Watch, unwatched
from model.arrays import Starts
from model.events import Events, split_events
from model.objective import Objective
from model.prequential import fold_in_ranks, popular_ranks, static_ranks, train_on
from model.quality import Interval, hit_rate, mean_reciprocal_rank

SEED = 0
STATIC, POPULAR = "static vectors", "popular items"


class Figures(NamedTuple):
    """How well the lists of one model did."""

    name: str
    hit_at_10: Interval
    hit_at_20: Interval
    mrr_at_20: Interval


class Evaluation(NamedTuple):
    """Some models on the same events."""

    n_trained: int
    n_events: int
    """Events that were scored."""
    n_items: int
    """Items that were ranked."""
    rows: list[Figures]


def evaluate(
    events: Events,
    n_trained: int,
    settings: dict[str, Objective],
    watch: Watch = unwatched,
    threads: int = 1,
) -> Evaluation:
    """Train on the first events and stream the rest, which must not have had a part in any choice.

    Args:
        events: Plays of everybody in time order.
        n_trained: How many of them are trained on.
        settings: What to train with, by the name of its row; the first one also gives the static vectors.
        watch: Told of every model.
        threads: Threads of the kernels.

    Raises:
        QualityError: No event can be scored.
        TrainingError: A training diverged.
    """
    split = split_events(events, n_trained)
    ranks: dict[str, Starts] = {}
    total = len(settings) + 1
    for done, (name, setting) in enumerate(settings.items()):
        watch(Step(f"streaming with {name}", done, total))
        factors = train_on(split, setting, np.random.default_rng(SEED), threads)
        ranks[name] = fold_in_ranks(split, factors, setting, threads)
        if not done:
            ranks[STATIC] = static_ranks(split, factors, threads)
    watch(Step("streaming with the popular items", total - 1, total))
    ranks[POPULAR] = popular_ranks(split)
    watch(Step("streamed", total, total))
    rows = [_figures(name, ranks[name], split.n_items) for name in (*settings, STATIC, POPULAR)]
    return Evaluation(n_trained, len(ranks[POPULAR]), split.n_items, rows)


def _figures(name: str, ranks: Starts, n_items: int) -> Figures:
    at_10, at_20 = hit_rate(ranks, 10, n_items), hit_rate(ranks, 20, n_items)
    return Figures(name, at_10, at_20, mean_reciprocal_rank(ranks, 20, n_items))
