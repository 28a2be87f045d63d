"""The steps of a retrain that end with trained item factors."""

import asyncio
from pathlib import Path

import msgspec

from jobs.announcement import announced
from jobs.histories.snapshot import open_snapshot, write_snapshot
from jobs.histories.training_set import TrainingSet, training_set_of
from jobs.objective import objective_of
from jobs.progress import JobProgress
from jobs.retraining.run import Run
from jobs.retraining.serving_generation import ServingRecord
from jobs.retraining.train import train_next
from jobs.tuning.results import tuned_objective
from jobs.tuning.search import tune_on_histories
from model.objective import Objective
from model.training import Progress

OBJECTIVE = "objective.msgpack"


def record_serving(run: Run, folder: Path) -> None:
    """Record the announced generation, so that a rollback during the run changes no other step."""
    announcement = asyncio.run(announced(run.settings))
    ServingRecord(generation_id=announcement.generation_id if announcement is not None else None).save(folder)


def read_histories(run: Run, folder: Path) -> None:
    """Read the users changelog to its end."""
    asyncio.run(write_snapshot(run.settings, folder, run.on_progress))


def make_training_set(run: Run, folder: Path) -> None:
    """Turn histories into arrays."""
    training_set_of(open_snapshot(run.path("snapshot")), run.settings).save(folder)


def load_training_set(run: Run) -> TrainingSet:
    """Load the training set of the run."""
    return TrainingSet.load(run.path("interactions"))


def is_tuned(run: Run) -> bool:
    """Return whether the settings give every run time to tune."""
    return run.settings.retraining.tune_s > 0


def tune_objective(run: Run, folder: Path) -> None:
    """Search hyperparameters on the training set as long as the settings allow; only this run uses them."""
    settings = run.settings
    best = tune_on_histories(
        load_training_set(run), settings, settings.retraining.tune_s, on_progress=run.on_progress
    ).best
    # JSON has no infinity, which a half-life may be.
    (folder / OBJECTIVE).write_bytes(msgspec.msgpack.encode(best.objective))


def train_factors(run: Run, folder: Path) -> None:
    """Train from the factors of the generation in service if they fit, otherwise from random ones."""

    def show(at: Progress) -> None:
        run.on_progress(JobProgress("training", 2 * at.iteration - (at.side == "users"), 2 * at.iterations))

    settings, tuned = run.settings, _tuned_objective(run)
    objective, weight_max = tuned or objective_of(settings.objective), settings.signals.item_weight_max
    trained = train_next(load_training_set(run), run.serving, objective, settings.retraining, show, weight_max)
    record = msgspec.structs.replace(trained.record, tuned=tuned is not None)
    trained._replace(record=record).save(folder)


def _tuned_objective(run: Run) -> Objective | None:
    """Return the objective of this run's tuning, or of an earlier tuning if the settings ask for that."""
    if is_tuned(run):
        return msgspec.msgpack.decode((run.path("tune") / OBJECTIVE).read_bytes(), type=Objective)
    return tuned_objective(run.settings)
