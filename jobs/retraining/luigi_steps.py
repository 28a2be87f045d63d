"""Luigi, quiet: a task that writes one step of a run, and the one way to run tasks.

Luigi decides what is left to do; it is told no more than that. It runs in this process, with its own scheduler, writes
no log, takes no signal, and the exception of a task that fails reaches the caller as it was raised.
"""

import logging
import warnings
from pathlib import Path
from typing import Any, ClassVar

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


class RunParameter(luigi.Parameter):
    """The run that a task works for; it is called after its generation."""

    def serialize(self, run: Run) -> str:
        """Return what Luigi knows the run by."""
        return run.generation_id


_NIGHT: Any = RunParameter()


class StepTask(luigi.Task):
    """One step of a run: it is done when its folder is there, whoever wrote that.

    Attributes:
        night: The run.
        step: The name of the step's folder.
        told: What whoever watches is told.
    """

    night: Run = _NIGHT
    step: ClassVar[str]
    told: ClassVar[str]

    def output(self) -> luigi.LocalTarget:
        """Return the step's folder."""
        return luigi.LocalTarget(str(self.night.path(self.step)))

    def run(self) -> None:
        """Write the step into a folder aside, which is renamed when it is whole."""
        self.night.on_progress(JobProgress(self.told))
        with self.night.writing(self.step) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Do the work; what is not written into `folder` has to bear being done twice."""
        raise NotImplementedError


class MarkTask(StepTask):
    """A step whose work leads out of its own folder, which is only the mark that it is done."""

    def write(self, _folder: Path) -> None:
        """Do the work."""
        self.do()

    def do(self) -> None:
        """Do the work so that it can be done twice: the process may die between the work and its mark."""
        raise NotImplementedError


class PipelineError(RuntimeError):
    """Luigi could not run the steps, for no reason of theirs. This is a mistake in playfold."""


class _Workers:
    """Makes Luigi's worker: one that leaves signals alone and writes no mails."""

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


def run_to(last: StepTask) -> None:
    """Run a step, after those that it requires; what is done already is not done again.

    Raises:
        Exception: What a step raised.
        PipelineError: Luigi did not run them all, and no step is the reason.
    """
    raised: list[BaseException] = []
    for event in (luigi.Event.FAILURE, luigi.Event.BROKEN_TASK):
        StepTask.event_handler(event)(lambda _, error: raised.append(error))
    try:
        ended = luigi.build([last], _Workers(), detailed_summary=True, local_scheduler=True, workers=1)
    finally:
        StepTask._event_callbacks.pop(StepTask, None)  # noqa: SLF001 - handlers can only be removed one by one
    if raised:
        raise raised[0]
    if not ended.scheduling_succeeded or not last.complete():
        message = f"The steps to {last.step} did not all run ({ended.status.name}): this is a mistake in playfold."
        raise PipelineError(message)
