"""Steps of a run as tasks of Luigi, which decides which of them are left to do.

Luigi runs in this process with its own scheduler. It writes no log and takes no signal, and the exception of a failed
step reaches the caller as it was raised.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jobs.progress import JobProgress
from jobs.retraining.run import Run

with warnings.catch_warnings():
    # Luigi asks for a configuration file before it could be given a configuration.
    warnings.simplefilter("ignore", DeprecationWarning)
    import luigi
    import luigi.configuration
    import luigi.worker

for _name in ("luigi", "luigi-interface"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)
luigi.configuration.get_config().set("core", "no_configure_logging", "true")


class Step(NamedTuple):
    """A step of a run."""

    name: str
    """The name of its folder, and of its seconds in the report."""
    title: str
    """The text of the progress bar."""
    work: Callable[[Run, Path], None]
    """Writes the step's folder. A crash repeats it, so an effect outside of the folder must bear repetition."""
    when: Callable[[Run], bool] = lambda _: True
    """Whether the run has this step.

    It is called before any step up to the gate runs. For a step behind the gate it is called after the verdict.
    """


class RunParameter(luigi.Parameter):
    """A task's run, identified by its generation."""

    def serialize(self, run: Run) -> str:
        """Return the run's identity in Luigi."""
        return run.generation_id


class StepParameter(luigi.Parameter):
    """A task's step, identified by its name."""

    def serialize(self, step: Step) -> str:
        """Return the step's identity in Luigi."""
        return step.name


class TaskParameter(luigi.Parameter):
    """The task before a task, if there is one."""

    def serialize(self, task: "StepTask | None") -> str:
        """Return the identity of the task before it in Luigi."""
        return task.step.name if task is not None else ""


_RETRAIN: Any = RunParameter()
_STEP: Any = StepParameter()
_BEFORE: Any = TaskParameter(significant=False)


class StepTask(luigi.Task):
    """One step of a run: it is done when its folder exists, in whichever process.

    Attributes:
        retrain: The run.
        step: The step.
        before: The step before it, which runs first.
    """

    retrain: Run = _RETRAIN
    step: Step = _STEP
    before: "StepTask | None" = _BEFORE

    def requires(self) -> "Sequence[StepTask]":
        """Return the step before this one."""
        return [self.before] if self.before is not None else []

    def output(self) -> luigi.LocalTarget:
        """Return the step's folder."""
        return luigi.LocalTarget(str(self.retrain.path(self.step.name)))

    def run(self) -> None:
        """Write the step into a folder aside, and rename the folder when it is complete."""
        self.retrain.on_progress(JobProgress(self.step.title))
        with self.retrain.writing(self.step.name) as folder:
            self.step.work(self.retrain, folder)


class PipelineError(RuntimeError):
    """Luigi did not run all steps although none of them failed. This is a mistake in playfold."""


class _Workers:
    """Makes Luigi's worker: it leaves signals alone and sends no mails."""

    def create_local_scheduler(self) -> Any:
        """Return a scheduler in this process."""
        return luigi.scheduler.Scheduler(prune_on_get_work=True, record_task_history=False)

    def create_worker(self, scheduler: Any, worker_processes: int, assistant: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature is Luigi's
        """Return a worker that runs tasks in this process."""
        return luigi.worker.Worker(
            scheduler,
            worker_processes=worker_processes,
            assistant=assistant,
            no_install_shutdown_handler=True,
            send_failure_email=False,
        )


def run_steps(run: Run, steps: Iterable[Step]) -> None:
    """Run those of the steps that are not done, in their order.

    Raises:
        Exception: The exception of a step that failed.
        PipelineError: Luigi did not run them all, and no step failed.
    """
    last: StepTask | None = None
    for step in steps:
        last = StepTask(run, step, last)
    if last is not None:
        _build(last)


def _build(last: StepTask) -> None:
    """Let Luigi run a task and all tasks before it."""
    raised: list[BaseException] = []
    for event in (luigi.Event.FAILURE, luigi.Event.BROKEN_TASK):
        StepTask.event_handler(event)(lambda _, error: raised.append(error))
    try:
        result = luigi.build([last], _Workers(), detailed_summary=True, local_scheduler=True, workers=1)
    finally:
        StepTask._event_callbacks.pop(StepTask, None)  # noqa: SLF001 - handlers can only be removed one by one
    if raised:
        raise raised[0]
    if not result.scheduling_succeeded or not last.complete():
        message = (
            f"The steps to {last.step.name} did not all run ({result.status.name}): this is a mistake in playfold."
        )
        raise PipelineError(message)
