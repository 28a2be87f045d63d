"""Runs tests with every version of Kafka: `python -m tests.brokers.matrix [--write] [VERSION ...]`.

`make brokers` writes all of it to docs/compatibility.md. Without versions, all of them run.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.brokers.versions import VAR, VARIABLE, VERSIONS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- begin: python -m tests.brokers.matrix --write -->", "<!-- end -->"


class Area(NamedTuple):
    """A part of playfold, and the files of tests that try it."""

    name: str
    files: tuple[str, ...]


AREAS = (
    Area("Topics: create, compare, delete", ("tests/kafka/test_topics.py",)),
    Area("Worker: fold, commit, recover, rebalance", ("tests/kafka/test_worker.py",)),
    Area("Faust: slices, committed offsets", ("tests/kafka/test_slices.py",)),
    Area("Transactions: committed, aborted, open", ("tests/kafka/test_transactions.py",)),
    Area("Topics made again, truncated, grown", ("tests/kafka/test_topic_identity.py",)),
    Area("Changelog: late workers", ("tests/kafka/test_changelog.py",)),
    Area("Producer: batches, idempotence", ("tests/kafka/test_outbox.py",)),
    Area(
        "Readers: whole topics, backwards, followed",
        ("tests/kafka/test_log_reader.py", "tests/kafka/test_backwards.py", "tests/kafka/test_broadcast.py"),
    ),
    Area("Codecs: gzip, snappy, lz4, zstd", ("tests/kafka/test_codecs.py",)),
    Area("TLS and logins: every client, protocol and mechanism", ("tests/kafka/secure/test_clients.py",)),
)
"""The rows of the table."""


class Result(NamedTuple):
    """The outcome of the tests of an area with one version."""

    passed: int
    failed: int

    def __str__(self) -> str:
        """Return the cell of the table."""
        return f"{self.failed} of {self.passed + self.failed} failed" if self.failed else f"{self.passed} passed"


class MatrixError(RuntimeError):
    """The tests did not run with a version. Read the log that the message names."""


def run_version(name: str) -> dict[str, Result]:
    """Run the tests of all areas with one version; return the results by area.

    Raises:
        MatrixError: pytest did not run the tests.
    """
    files = [file for area in AREAS for file in area.files]
    VAR.mkdir(exist_ok=True)
    output = VAR / f"brokers-{name}.log"
    with tempfile.TemporaryDirectory() as folder, output.open("wb") as log:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        environment = os.environ | {VARIABLE: name}
        status = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False).returncode
        if status not in {0, 1}:
            message = f"pytest ended with status {status} for Kafka {name}: read {output}. Nothing is written."
            raise MatrixError(message)
        return results_of(report)


def results_of(report: Path) -> dict[str, Result]:
    """Return the results by area from a report of pytest in JUnit's format."""
    outcomes: dict[str, list[bool]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  pytest wrote it
        file = case.get("classname", "").replace(".", "/") + ".py"
        outcomes.setdefault(file, []).append(case.find("failure") is None and case.find("error") is None)
    results = {}
    for area in AREAS:
        of_area = [outcome for file in area.files for outcome in outcomes.get(file, [])]
        results[area.name] = Result(sum(of_area), len(of_area) - sum(of_area))
    return results


def render(results: Mapping[str, Mapping[str, Result]]) -> str:
    """Return the table: a row for each area, a column for each version."""
    names = list(results)
    lines = [
        f"| what is tried | {' | '.join(f'Kafka {VERSIONS[name].version}' for name in names)} | by |",
        f"|---|{'---|' * len(names)}---|",
    ]
    for area in AREAS:
        cells = " | ".join(str(results[name][area.name]) for name in names)
        lines.append(f"| {area.name} | {cells} | {', '.join(f'`{file}`' for file in area.files)} |")
    return "\n".join(lines) + "\n"


def replace_table(text: str, table: str) -> str:
    """Return a page with another table between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    pattern = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)
    if not pattern.search(text):
        message = f"The page lacks the marks {BEGIN} and {END}."
        raise ValueError(message)
    return pattern.sub(lambda _: f"\n{table}\n", text)


def main(arguments: Sequence[str]) -> None:
    """Run the tests and print the table, or write it; a failed test is status 1."""
    names = [argument for argument in arguments if argument != "--write"] or list(VERSIONS)
    unknown = [name for name in names if name not in VERSIONS]
    if unknown:
        sys.exit(f"{unknown[0]} is no version of tests/brokers/versions.py; there are {', '.join(VERSIONS)}.")
    # The tests mostly wait, so the versions run at the same time.
    with ThreadPoolExecutor(len(names)) as threads:
        try:
            results = dict(zip(names, threads.map(run_version, names), strict=True))
        except MatrixError as error:
            sys.exit(str(error))
    table = render(results)
    if "--write" in arguments:
        FILE.write_text(replace_table(FILE.read_text(), table))
    sys.stdout.write(table)
    if any(result.failed for of_version in results.values() for result in of_version.values()):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
