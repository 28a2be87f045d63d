"""Commands of playfold that a test runs, each in a process forked from one that has the imports.

The imports of a command take longer than most commands do. A forked process has an environment, a folder, streams and
a status of its own, and nothing of the test's process, from which it is not forked. It does not show whether a command
has all of its imports, and it ends with `os._exit`. `tests/acceptance/test_secrets.py` starts nearly all
commands; tests of the others start theirs, most with `run_started`.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from cli import forked_command
from cli.main import main
from streams.settings import Settings, environment_of
from tests.support.patience import stretched

PROJECT = Path(__file__).parents[2]
IMPORTED = (
    "catalog", "doctor", "export", "forget", "gateway", "rejects", "replay", "retrain", "state", "topics", "trace",
    "worker",
)  # fmt: skip
"""The commands that are imported before; the others import the rest when they run."""
WORK = (
    "agents.plays.recompute", "agents.worker", "cli.topic_operations", "jobs.doctor.doctor", "jobs.rejects.export",
    "jobs.rejects.retry", "jobs.rejects.summary", "jobs.retraining.retrain", "jobs.topics.from_disk",
    "jobs.topics.rebase", "jobs.topics.repartition", "jobs.user_requests.export", "jobs.user_requests.send",
    "jobs.user_requests.trace", "jobs.user_requests.verify_erasure", "streams.topics.admin",
    "streams.topics.process_rights", "uvloop", "web.gateway",
)  # fmt: skip
"""The work of these commands, which they import when they run."""
TIMEOUT_S = 100.0

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([*(f"cli.commands.{name}" for name in IMPORTED), *WORK, "tests.support.warm_start"])


def run_forked(
    settings: Settings, *arguments: str, folder: Path = PROJECT, timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command of playfold in a folder, and return its status, stdout and stderr.

    Raises:
        subprocess.TimeoutExpired: It did not end within `timeout_s` seconds, or in the usual time. It is killed, as it
            is if the test ends.
    """
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        streams = Path(output.name), Path(errors.name)
        process = CONTEXT.Process(target=be_command, args=(arguments, environment_of(settings), folder, streams))
        bound_s = stretched(TIMEOUT_S) if timeout_s is None else timeout_s
        status = _end_within(process, bound_s)
        if status is None:
            raise subprocess.TimeoutExpired(arguments, bound_s, output.read(), errors.read())
        return subprocess.CompletedProcess(arguments, status, output.read().decode(), errors.read().decode())


def run_started(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process that is started."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, check=False)


def _end_within(process: ForkServerProcess, timeout_s: float) -> int | None:
    """Run a process to its end, and return its status; None if it had to be killed.

    The time-out of a test raises its error in here. Without the kill, Python would wait for the process at its own end.
    """
    process.start()
    try:
        process.join(timeout_s)
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def be_command(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, streams: tuple[Path, Path]
) -> None:
    """Be the process of a command: a text with which it exits, or a traceback, goes to stderr.

    It has a session of its own, and appends to the files of its streams.
    """
    threading.Thread(target=_follow_test, daemon=True).start()
    os.chdir(folder)
    forked_command.be_command(main, arguments, environment, streams)


def _follow_test() -> None:
    """End this process when that of the test has ended without killing it. The fork server ends after its processes."""
    test = multiprocessing.parent_process()
    assert test is not None
    test.join()
    os._exit(1)
