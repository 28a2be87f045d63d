"""The next generation: one run of the night's steps, resumed or begun."""

import time
from typing import Literal

import msgspec

from jobs.progress import ProgressCallback
from jobs.retraining.run import open_run
from jobs.retraining.steps import make_generation
from state.generations.manifest import Gate
from streams.settings import Settings


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    generation: str
    status: Literal["announced", "rejected"]
    users: int
    items: int
    plays: int
    seconds: float
    """What this process took; it may have resumed the run of another."""
    resumed: bool
    tuned: bool
    started_from: str | None
    steps: dict[str, float]
    """Seconds of every step, whichever process did it."""
    gate: Gate | None


def retrain(settings: Settings, on_progress: ProgressCallback, *, forced: bool = False, fresh: bool = False) -> Report:
    """Make the next generation: read the histories, train, judge, publish, announce.

    An interrupted run is resumed. One that ends leaves its report, and nothing of the listeners' histories.

    Args:
        settings: Where things are, and what is minimised.
        on_progress: Called after every step.
        forced: Announce it whatever the gate says.
        fresh: Discard an interrupted run.

    Raises:
        StateError: Another process makes a generation.
        LogReadError, OutboxError: Kafka did not answer; the run can be resumed.
        NothingToTrainError: No user has a history.
        TrainingError: The training diverged.
        GenerationError: What was written does not verify, or the store does not take it.
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
