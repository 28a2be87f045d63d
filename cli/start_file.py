"""The start file: a process that is started early imports its work, and begins once the file exists."""

import time
from pathlib import Path
from typing import Annotated

import typer

START_S = 600.0
POLL_S = 0.02
StartFile = Annotated[
    Path | None,
    typer.Option("--start-file", hidden=True, help="Begin once this file exists; `playfold up` creates it."),
]


class StartFileError(TimeoutError):
    """The start file did not appear. Read the output of the process that was to create it."""


def await_start(file: Path | None, timeout_s: float = START_S) -> None:
    """Wait until the start file exists; return at once without one.

    Raises:
        StartFileError: It does not exist after `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while file is not None and not file.exists():
        if time.monotonic() > deadline:
            message = (
                f"Start file {file} did not appear within {timeout_s:g} s, so Kafka or its topics are not ready: "
                f"read the output of the process that creates it, or start without --start-file."
            )
            raise StartFileError(message)
        time.sleep(POLL_S)
