"""Nights that die: a process for each, which kills itself in the middle of a step, or at its end.

Run as a program, with steps as its arguments and the settings in the environment. Each night resumes the one before.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from jobs.progress import no_progress
from jobs.retraining import steps
from jobs.retraining.retrain import retrain
from jobs.retraining.run import Run
from streams.settings import Settings, read_settings

STEPS = [step.name for step in steps.STEPS if step.name != "tune"]


def die() -> None:
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle(step: str) -> None:
    """Die at the first file or folder that is brought to the disk in a step."""
    writing, fsync = Run.writing, os.fsync
    inside = False

    def watched_writing(run: Run, name: str) -> Any:
        nonlocal inside
        inside = name == step
        return writing(run, name)

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        if inside:
            die()

    Run.writing = watched_writing  # type: ignore[assignment, method-assign]
    os.fsync = watched_fsync  # type: ignore[assignment]


def die_at_the_end(step: str) -> None:
    """Die right before the folder of a step gets its name: all is done, and nobody knows."""
    rename = Path.rename

    def watched_rename(path: Path, target: Path) -> Path:
        if path.name == f".{step}.aside":
            die()
        return rename(path, target)

    Path.rename = watched_rename  # type: ignore[assignment, method-assign]


def night_that_dies(settings: Settings, step: str, where: str) -> int:
    """Run a night in a process of its own, and return how that ended: minus the number of a signal."""
    child = os.fork()
    if child == 0:
        {"middle": die_in_the_middle, "end": die_at_the_end}[where](step)
        retrain(settings, no_progress)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for at in ("middle", "end"):
            print(name, at, night_that_dies(read_settings(), name, at), flush=True)  # noqa: T201 - what it is for
