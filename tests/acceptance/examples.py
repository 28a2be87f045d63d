"""The programs of our pages, taken out of their Markdown and run as a reader would run them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parent.parent.parent
PAGES = (PROJECT / "docs" / "producers.md", PROJECT / "docs" / "consumers.md")
README = PROJECT / "README.md"
RUN_WITH = {"python": sys.executable, "sh": "sh", "js": "node"}
BLOCK = re.compile(r"^```(python|sh|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r"(?:#|//) (\w+\.(?:py|sh|mjs)): ")
RUN_S, POLL_S = 20, 0.05


class Program(NamedTuple):
    """A program of a page."""

    name: str
    language: str
    text: str


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Return language and text of all programs of a page."""
    return BLOCK.findall(page.read_text())


def programs() -> dict[str, Program]:
    """Return the programs of the pages by the names that their first lines give them."""
    found = {}
    for page in PAGES:
        for language, text in blocks_of(page):
            title = TITLE.match(text)
            assert title, f"A program of {page.name} has no name: {text.splitlines()[0]!r}."
            assert title[1] not in found, f"Two programs are called {title[1]}."
            found[title[1]] = Program(title[1], language, text)
    return found


def program(name: str) -> Program:
    """Return a program of the pages."""
    return programs()[name]


class Desk:
    """Where a reader runs programs: a folder, and the variables that lead to Kafka and the gateway."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Work in a folder that exists; nothing of our own environment's settings is known there."""
        self._folder = folder
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PLAYFOLD_")}
        self._environment = {**ours, "PYTHONUNBUFFERED": "1", **variables}

    def run(self, wanted: Program, *arguments: str) -> str:
        """Run a program to its end, and return what it wrote."""
        ended = subprocess.run(
            [*self._command(wanted), *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert ended.returncode == 0, f"{wanted.name} ended with {ended.returncode}: {ended.stderr or ended.stdout}"
        assert ended.stderr == "", f"{wanted.name} wrote to stderr: {ended.stderr}"
        return ended.stdout

    @contextmanager
    def running(self, wanted: Program) -> Iterator["Running"]:
        """Run a program that does not end by itself."""
        output = self._folder / f"{wanted.name}.log"
        with (
            output.open("wb") as log,
            subprocess.Popen(
                self._command(wanted), cwd=self._folder, env=self._environment, stdout=log, stderr=log
            ) as process,
        ):
            try:
                yield Running(process, output)
            finally:
                process.kill()

    def _command(self, wanted: Program) -> list[str]:
        file = self._folder / wanted.name
        file.write_text(wanted.text)
        return [RUN_WITH[wanted.language], str(file)]


class Running(NamedTuple):
    """A program that runs, and what it writes."""

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
