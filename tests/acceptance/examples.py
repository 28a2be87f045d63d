"""The programs of `examples/`, run as a reader runs them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parent.parent.parent
EXAMPLES = PROJECT / "examples"
RUN_WITH = {".py": sys.executable, ".sh": "sh", ".mjs": "node"}
RUN_S, POLL_S = 20, 0.05


def program_names() -> set[str]:
    """Return the names of all programs, with their folder."""
    return {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.suffix in RUN_WITH}


def program(name: str) -> Path:
    """Return the file of a program."""
    return EXAMPLES / name


class Desk:
    """A folder in which programs run, with the variables that name Kafka and the gateway."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Run programs in an existing folder, without the settings of this process."""
        self._folder = folder
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PLAYFOLD_")}
        self._environment = {**ours, "PYTHONUNBUFFERED": "1", **variables}

    def run(self, file: Path, *arguments: str) -> str:
        """Run a program to its end, and return its output."""
        ended = subprocess.run(
            [RUN_WITH[file.suffix], str(file), *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert ended.returncode == 0, f"{file.name} ended with {ended.returncode}: {ended.stderr or ended.stdout}"
        assert ended.stderr == "", f"{file.name} wrote to stderr: {ended.stderr}"
        return ended.stdout

    @contextmanager
    def running(self, file: Path) -> Iterator["Running"]:
        """Run a program that does not end by itself."""
        output = self._folder / f"{file.name}.log"
        command = [RUN_WITH[file.suffix], str(file)]
        with (
            output.open("wb") as log,
            subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log) as process,
        ):
            try:
                yield Running(process, output)
            finally:
                process.kill()


class Running(NamedTuple):
    """A running program and its output."""

    process: subprocess.Popen[bytes]
    output: Path

    def await_line(self, *words: str) -> str:
        """Wait until the program writes a line that has all of some words, and return it."""
        deadline = time.monotonic() + RUN_S
        while True:
            ended = self.process.poll() is not None
            lines = self.output.read_text().splitlines()
            for line in lines:
                if all(word in line for word in words):
                    return line
            assert not ended, f"{self.output.stem} ended: {lines[-5:]}"
            assert time.monotonic() < deadline, f"{self.output.stem} wrote no line with {words}: {lines[-5:]}"
            time.sleep(POLL_S)
