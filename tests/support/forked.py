"""Commands of playfold that a test runs to their end, each in a process forked from one that has the imports.

The imports of a command take longer than most commands do. Otherwise a forked process is like a started one: it has an
environment, a folder, streams and a status of its own, and nothing of the test's process, from which it is not forked.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.main import main
from streams.settings import Settings, environment_of

PROJECT = Path(__file__).parents[2]
IMPORTED = ("catalog", "doctor", "export", "forget", "rejects", "replay", "retrain", "state", "topics", "trace")
"""The commands that are imported before; the others import the rest when they run."""
TIMEOUT_S = 100.0

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([f"cli.commands.{name}" for name in IMPORTED])


def run_forked(
    settings: Settings, *arguments: str, folder: Path = PROJECT, timeout_s: float = TIMEOUT_S
) -> "subprocess.CompletedProcess[str]":
    """Run a command of playfold in a folder, and return its status, stdout and stderr.

    Raises:
        subprocess.TimeoutExpired: It did not end within `timeout_s` seconds; it is killed.
    """
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        streams = Path(output.name), Path(errors.name)
        process = _CONTEXT.Process(target=_run, args=(arguments, environment_of(settings), folder, streams))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout_s, output.read(), errors.read())
        status = process.exitcode
        process.close()
        return subprocess.CompletedProcess(arguments, status, output.read().decode(), errors.read().decode())


def run_started(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a started process: one test of each command does so."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, check=False)


def _run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, streams: tuple[Path, Path]) -> None:
    """Be the process of a command: a text with which it exits, or a traceback, goes to stderr."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  it ends with the process
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115  the same
    sys.argv = ["playfold", *arguments]
    main()
