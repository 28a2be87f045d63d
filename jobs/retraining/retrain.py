"""A retrain: one run of the steps, resumed or begun, that makes the next generation."""

import time
from typing import Literal

import msgspec

from jobs.progress import ProgressCallback
from jobs.retraining.run import open_run
from jobs.retraining.steps import make_generation
from state.generations.manifest import Gate
from streams.settings import Settings


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run."""

    generation: str
    status: Literal["announced", "rejected"]
    users: int
    items: int
    plays: int
    seconds: float
    """The seconds of this process; it may have resumed another process's run."""
    resumed: bool
    tuned: bool
    started_from: str | None
    steps: dict[str, float]
    """Seconds of every step, in all processes."""
    gate: Gate | None


def retrain(settings: Settings, on_progress: ProgressCallback, *, forced: bool = False, fresh: bool = False) -> Report:
    """Make the next generation: read the histories, train, judge, publish, announce.

    An interrupted run is resumed. A finished run leaves its report, and no listener's history.

    Args:
        settings: The settings of the run.
        on_progress: Called with the progress of every step.
        forced: Announce the generation even if the gate rejects it.
        fresh: Discard an interrupted run.

    Raises:
        StateError: Another process makes a generation.
        LogReadError, OutboxError: Kafka does not answer; the run can be resumed.
        NothingToTrainError: No user has a history.
        TrainingError: The training diverged.
        GenerationError: The written generation does not verify, or the store rejects it.
    """
    began = time.monotonic()
    with open_run(settings, on_progress, forced=forced, fresh=fresh) as run:
        manifest = make_generation(run)
        report = Report(
            generation=manifest.generation_id,
            status="rejected" if manifest.rejected else "announced",
            users=manifest.n_users,
            items=manifest.n_items,
            plays=manifest.n_plays,
            seconds=round(time.monotonic() - began, 2),
            resumed=run.resumed,
            tuned=manifest.tuned,
            started_from=manifest.started_from,
            steps=run.seconds(),
            gate=manifest.gate,
        )
        run.finish(msgspec.json.format(msgspec.json.encode(report)))
    return report
