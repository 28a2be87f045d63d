"""The training of the next generation's item factors."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.histories.training_set import TrainingSet
from jobs.retraining.serving_generation import ServingGeneration
from jobs.seed import SEED
from model.arrays import Floats, Keys
from model.objective import Objective
from model.training import Factors, LocalEngine, Progress, train
from state.generations.generation import Generation
from streams.settings.training import RetrainingSettings

ITEM_FACTORS, GRAM_DIAGONAL, RECORD = "item_factors.npy", "gram_diagonal.npy", "training.msgpack"


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters and the origin of a training."""

    objective: Objective
    """The minimised objective; its iterations are the sweeps that ran."""
    tuned: bool = False
    """The objective is the result of a tuning."""
    parent: str | None
    """The generation in service when the run began."""
    started_from: str | None
    """The generation whose item factors were the initial ones; None: they were random."""


class TrainedFactors(NamedTuple):
    """Item factors in the rows of their training set."""

    item_factors: Floats
    gram_diagonal: Floats
    record: TrainingRecord

    def save(self, folder: Path) -> None:
        """Write the factors into an existing folder."""
        np.save(folder / ITEM_FACTORS, self.item_factors)
        np.save(folder / GRAM_DIAGONAL, self.gram_diagonal)
        # JSON has no infinity, which a half-life may be.
        (folder / RECORD).write_bytes(msgspec.msgpack.encode(self.record))

    @classmethod
    def load(cls, folder: Path) -> "TrainedFactors":
        """Read the factors that `save` wrote."""
        record = msgspec.msgpack.decode((folder / RECORD).read_bytes(), type=TrainingRecord)
        return cls(np.load(folder / ITEM_FACTORS), np.load(folder / GRAM_DIAGONAL), record)


def warm_start(serving: Generation | None, objective: Objective, item_keys: Keys) -> Floats | None:
    """Return initial item factors for a training, None if it has to begin with random ones.

    Factors of another length or of another rule are not used. An item that the generation in service does not know
    gets a row of zeros, which the training treats as unknown.

    Args:
        serving: The generation in service.
        objective: The objective of the training.
        item_keys: The items to train, in the order of their rows.
    """
    if serving is None:
        return None
    served = serving.manifest.objective
    if (served.rule, served.factors) != (objective.rule, objective.factors):
        return None
    rows = serving.rows_of(item_keys)
    if not (rows >= 0).any():
        return None
    start: Floats = np.where(rows[:, None] >= 0, serving.item_factors[rows], np.float32(0))
    return start


def train_histories(
    training_set: TrainingSet,
    objective: Objective,
    start: Floats | None = None,
    threads: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
    weight_max: float = np.inf,
) -> Factors:
    """Train on a training set; the same set gives the same factors for any number of threads.

    Args:
        training_set: The histories of the listeners.
        objective: The objective, with the number of sweeps.
        start: Initial item factors; random if left out.
        threads: The number of threads.
        progress: Called after every half-sweep.
        weight_max: Most that a listener's signals of one item are worth together.

    Raises:
        TrainingError: The training diverged.
    """
    rng = np.random.default_rng(SEED)
    matrix = training_set.matrix(objective, weight_max)
    return train(matrix, training_set.n_items, objective, rng, progress, LocalEngine(threads), start)


def train_next(
    training_set: TrainingSet,
    serving: ServingGeneration,
    objective: Objective,
    retraining: RetrainingSettings,
    progress: Callable[[Progress], None] = lambda _: None,
    weight_max: float = np.inf,
) -> TrainedFactors:
    """Train the next generation: a few sweeps from the one in service if it fits, else all sweeps from random factors.

    Args:
        training_set: The histories of the listeners.
        serving: The generation in service.
        objective: The objective, with the number of sweeps from random factors.
        retraining: The number of sweeps from the one in service, and of threads.
        progress: Called after every half-sweep.
        weight_max: The largest weight of a listener's signals of one item together.

    Raises:
        TrainingError: The training diverged.
    """
    start = warm_start(serving.generation, objective, training_set.item_keys) if retraining.warm_iterations else None
    if start is not None:
        objective = replace(objective, iterations=retraining.warm_iterations)
    factors = train_histories(training_set, objective, start, retraining.threads, progress, weight_max)
    record = TrainingRecord(
        objective=objective,
        parent=serving.generation_id,
        started_from=serving.generation_id if start is not None else None,
    )
    return TrainedFactors(factors.item_factors, factors.gram_diagonal, record)
