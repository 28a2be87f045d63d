"""Lists by item factors that are retrained while the events stream: an upper bound for nightly retraining."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from model.arrays import Starts
from model.evaluation.event_log import Split
from model.evaluation.prequential import fold_in_ranks, train_on
from model.objective import Objective


def retrained_ranks(
    split: Split,
    objective: Objective,
    seed: int,
    parts: int = 20,
    threads: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Starts:
    """Rank every scored event's item by item factors that were trained on all events before its part of the stream.

    Each training starts from chance, as the first one does. The items stay those of the first training, so that the
    ranks can be compared with those of all other models: a later one adds plays, and no items.

    Args:
        split: The events.
        objective: The objective, with the half-life of the fold-in.
        seed: Of the first item factors of each training.
        parts: Equal parts of the stream, before each of which is trained.
        threads: Threads of the kernels.
        progress: Called before each training with the number of parts that are ranked.

    Returns:
        1-based ranks, `MISS` for an item outside the first training; in the order of time.

    Raises:
        QualityError: A score is not finite.
        TrainingError: A training diverged.
    """
    ranks = []
    cuts = np.linspace(split.n_trained, len(split.items), parts + 1).astype(np.int64)
    for done, (low, high) in enumerate(pairwise(cuts.tolist())):
        progress(done)
        factors = train_on(split._replace(n_trained=low), objective, np.random.default_rng(seed), threads)
        scored = split.scored & (split.places >= low) & (split.places < high)
        ranks.append(fold_in_ranks(split._replace(scored=scored), factors, objective, threads))
    return np.concatenate(ranks)
