"""What a training gave: item factors, and how they came about."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.histories.training_set import TrainingSet
from jobs.retraining.serving_generation import InService
from model.arrays import Floats, Keys
from model.objective import Objective
from model.training import Factors, LocalEngine, Progress, train
from state.generations.generation import Generation
from streams.settings import Settings

SEED = 0
ITEM_FACTORS, GRAM_DIAGONAL, RECORD = "item_factors.npy", "gram_diagonal.npy", "training.msgpack"


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a training was done."""

    objective: Objective
    """What was minimised, with the sweeps that were made."""
    tuned: bool = False
    """The objective was found by tuning."""
    parent: str | None
    """The generation in service at that time."""
    started_from: str | None
    """The generation whose item factors it began with."""


class Trained(NamedTuple):
    """Item factors in the rows of their training set."""

    item_factors: Floats
    gram_diagonal: Floats
    record: TrainingRecord

    def save(self, folder: Path) -> None:
        """Write it into a folder that is there."""
        np.save(folder / ITEM_FACTORS, self.item_factors)
        np.save(folder / GRAM_DIAGONAL, self.gram_diagonal)
        # JSON has no infinity, which a half-life may be.
        (folder / RECORD).write_bytes(msgspec.msgpack.encode(self.record))

    @classmethod
    def load(cls, folder: Path) -> "Trained":
        """Read what `save` wrote."""
        record = msgspec.msgpack.decode((folder / RECORD).read_bytes(), type=TrainingRecord)
        return cls(np.load(folder / ITEM_FACTORS), np.load(folder / GRAM_DIAGONAL), record)


def warm_start(serving: Generation | None, objective: Objective, item_keys: Keys) -> Floats | None:
    """Return item factors to begin a training with, None if it has to begin from chance.

    Factors of another length or of another rule are no beginning. An item that the generation in service does not
    know gets a row of zeros, which the training takes for unknown.

    Args:
        serving: The generation in service.
        objective: What is to be minimised.
        item_keys: The items to train, in the order of their rows.
    """
    if serving is None:
        return None
    found = serving.manifest.objective
    if (found.rule, found.factors) != (objective.rule, objective.factors):
        return None
    rows = serving.rows_of(item_keys)
    if not (rows >= 0).any():
        return None
    start: Floats = np.where(rows[:, None] >= 0, serving.item_factors[rows], np.float32(0))
    return start


def train_on(
    found: TrainingSet,
    objective: Objective,
    start: Floats | None = None,
    threads: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Factors:
    """Train on a training set; the same set gives the same factors, whatever the number of threads.

    Args:
        found: Who played what.
        objective: What is minimised, and how often the sweeps go around.
        start: Item factors to begin with; from chance if left out.
        threads: How many share the work.
        progress: Called after every half-sweep.

    Raises:
        TrainingError: The training diverged.
    """
    rng = np.random.default_rng(SEED)
    matrix = found.matrix(objective.window_plays)
    return train(matrix, found.n_items, objective, rng, progress, LocalEngine(threads), start)


def train_next(
    found: TrainingSet,
    serving: InService,
    objective: Objective,
    settings: Settings,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the next generation: a few sweeps from the one in service if it fits, else all of them from chance.

    Raises:
        TrainingError: The training diverged.
    """
    start = warm_start(serving.generation, objective, found.item_keys) if settings.warm_iterations else None
    if start is not None:
        objective = replace(objective, iterations=settings.warm_iterations)
    factors = train_on(found, objective, start, settings.threads, progress)
    record = TrainingRecord(
        objective=objective,
        parent=serving.generation_id,
        started_from=serving.generation_id if start is not None else None,
    )
    return Trained(factors.item_factors, factors.gram_diagonal, record)
