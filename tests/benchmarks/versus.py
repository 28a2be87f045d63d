"""Benchmarks of this working tree against another revision: `python -m tests.benchmarks.versus REV NAME ... [--json]`.

The other revision is checked out into a temporary worktree, with an environment of its own lock file. Both run every
benchmark in turn (other, ours, other, ours, ...), so that a slow moment of the machine meets both. The rows of this
tree are printed with `against`, the other's median; `ratio`, how many times better ours is; and the ratio's spread.

Options:
    --rounds N  Rounds of every benchmark, three at least.
    --json      One JSON object a line.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from state.storage.files import locked_folder
from tests.benchmarks.report import Row, report
from tests.benchmarks.table import BENCHMARKS

ROOT = Path(__file__).parents[2]
LOCK = "requirements-dev.lock"
ROUNDS_MIN = 3
BENCHMARK_S = 1800.0
INSTALL_S = 1800.0
LOWER_IS_BETTER = {"ms", "s", "s/iteration", "bytes"}
"""Units of durations and sizes; of every other unit more is better."""
WARM_UP = "from agents.worker import warm_up; warm_up()"

Fields = Mapping[str, Any]


class VersusError(RuntimeError):
    """The revisions cannot be compared; the message names the revision, the benchmark and the cause."""


class Checkout(NamedTuple):
    """A tree of sources, and the interpreter that runs it."""

    name: str
    folder: Path
    python: Path
    variables: dict[str, str]
    """Environment variables that it needs beside the inherited ones."""

    def run(self, arguments: Sequence[str], limit_s: float) -> str:
        """Run the interpreter inside the tree and return its standard output.

        Raises:
            VersusError: It ended with another status than 0, or took too long.
        """
        command = [str(self.python), *arguments]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=limit_s)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)  # its broker and workers end with it
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                message = f"{self.name}: `{' '.join(arguments)}` did not end within {limit_s:g} s."
                raise VersusError(message) from None
        if process.returncode:
            message = f"{self.name}: `{' '.join(arguments)}` ended with status {process.returncode}: {errors[-2000:]}"
            raise VersusError(message)
        return output

    def _environment(self) -> dict[str, str]:
        """Return the environment without settings of playfold; imports come from this tree."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLAYFOLD_")}
        return inherited | {"PYTHONPATH": str(self.folder), "PYTHONNOUSERSITE": "1"} | self.variables


def revision_of(root: Path, name: str) -> str:
    """Return the commit that a revision's name stands for.

    Raises:
        VersusError: The repository knows no such commit.
    """
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        message = f"{name} is no commit of this repository."
        raise VersusError(message)
    return ended.stdout.strip()


@contextmanager
def checkout(root: Path, name: str, cache: Path) -> Iterator[Checkout]:
    """Check a revision out into a worktree and remove it at the end; its environment and kernels stay in the cache.

    Args:
        root: The repository.
        name: The revision.
        cache: Folder of environments, one a lock file.

    Raises:
        VersusError: There is no such revision, or its environment cannot be installed.
    """
    commit = revision_of(root, name)
    folder = cache / "trees" / commit[:12]
    _remove_worktree(root, folder)
    _git(root, "worktree", "add", "--detach", "--force", str(folder), commit)
    try:
        _share_jars(root, folder)
        kernels = {"NUMBA_CACHE_DIR": str(cache / "kernels" / commit[:12])}
        yield Checkout(name, folder, environment(root, folder, cache), kernels)
    finally:
        _remove_worktree(root, folder)


def environment(root: Path, folder: Path, cache: Path) -> Path:
    """Return the interpreter of an environment that holds what a tree's lock file names; install it once.

    Where the lock file is the one of this tree, so is the environment.

    Raises:
        VersusError: The packages cannot be installed.
    """
    lock = (folder / LOCK).read_bytes()
    if lock == (root / LOCK).read_bytes():
        return Path(sys.executable)
    place = cache / "environments" / hashlib.sha256(lock).hexdigest()[:16]
    python, done = place / "bin" / "python", place / ".installed"
    if not done.exists():
        _say(f"Installing the environment of {folder.name}, once.")
        shutil.rmtree(place, ignore_errors=True)
        _command([sys.executable, "-m", "venv", str(place)], folder)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _command([*install, "--require-hashes", "-r", LOCK], folder)
        done.touch()
    _write_metadata(folder, place)
    return python


def compare(ours: Sequence[Sequence[Fields]], others: Sequence[Sequence[Fields]]) -> Iterator[Row]:
    """Yield the rows of this tree, each beside the row of the same name of the other revision.

    Args:
        ours: Rows of every round.
        others: Rows of the other revision, of the same rounds.

    Yields:
        Rows whose value and `against` are medians over the rounds. `ratio` is that of the medians and says how many
        times better ours is; `ratio_low` and `ratio_high` are the lowest and highest of the rounds. A row that the
        other revision does not have carries none of these.
    """
    for name, fields in _by_name(ours[0]).items():
        values = _values(ours, name)
        unit, value = fields["unit"], statistics.median(values)
        if name not in _by_name(others[0]):
            yield Row(name, value, unit, rounds=len(values))
            continue
        against = _values(others, name)
        ratios = [ratio(mine, other, unit) for mine, other in zip(values, against, strict=True)]
        middle = statistics.median(against)
        spread = {"ratio_low": min(ratios), "ratio_high": max(ratios), "rounds": len(values)}
        yield Row(name, value, unit, middle, ratio(value, middle, unit), **spread)


def ratio(ours: float, other: float, unit: str) -> float:
    """Return how many times better ours is.

    >>> ratio(5.0, 10.0, "ms"), ratio(5.0, 10.0, "plays/s")
    (2.0, 0.5)
    """
    better, worse = (other, ours) if unit in LOWER_IS_BETTER else (ours, other)
    return better / worse if worse else float("inf")


def measure(ours: Checkout, other: Checkout, names: Sequence[str], rounds: int) -> Iterator[Row]:
    """Run every benchmark of both trees in turn, and yield the compared rows of each.

    Raises:
        VersusError: A benchmark failed, or the other revision does not have it.
    """
    for name in names:
        if not (other.folder / "tests" / "benchmarks" / f"{name}.py").exists():
            message = f"{other.name} has no benchmark {name}."
            raise VersusError(message)
    for name in names:
        measured: dict[str, list[Sequence[Fields]]] = {"other": [], "ours": []}
        for number in range(1, rounds + 1):
            for side, tree in (("other", other), ("ours", ours)):
                began = time.monotonic()
                measured[side].append(_rows(tree, name))
                _say(f"{name}: round {number} of {rounds}, {tree.name}: {time.monotonic() - began:.0f} s")
        gone = _by_name(measured["other"][0]).keys() - _by_name(measured["ours"][0]).keys()
        if gone:
            _say(f"{name}: only {other.name} has {', '.join(sorted(gone))}.")
        yield from compare(measured["ours"], measured["other"])


def main(arguments: Sequence[str]) -> None:
    """Compare and print; an error is one sentence and exit status 1."""
    options = _parser().parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        sys.exit(f"{unknown[0]} is no benchmark; there are {', '.join(BENCHMARKS)}.")
    if options.rounds < ROUNDS_MIN:
        sys.exit(f"--rounds is {options.rounds}, and {ROUNDS_MIN} at least make a median.")
    cache = ROOT / "var" / "versus"
    try:
        with locked_folder(cache, f"Another comparison runs in {cache}: wait for it, or stop it."):
            ours = Checkout("this tree", ROOT, Path(sys.executable), {})
            with checkout(ROOT, options.revision, cache) as other:
                for tree in (ours, other):
                    tree.run(["-c", WARM_UP], BENCHMARK_S)
                report(measure(ours, other, options.names, options.rounds), ["--json"] if options.json else [])
    except (VersusError, OSError, ValueError) as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.versus", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("revision", metavar="REV", help="the commit, tag or branch to compare with")
    parser.add_argument("names", metavar="NAME", nargs="+", help=f"benchmarks: {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS_MIN, help="rounds of every benchmark (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser


def _rows(tree: Checkout, name: str) -> list[Fields]:
    """Run one benchmark and return its rows."""
    printed = tree.run(["-m", f"tests.benchmarks.{name}", "--json"], BENCHMARK_S)
    return [json.loads(line) for line in printed.splitlines() if line.strip()]


def _write_metadata(folder: Path, place: Path) -> None:
    """Give an environment the metadata of a tree's project, from which the code reads its version."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (packages,) = (place / "lib").glob("python*/site-packages")
    metadata = packages / f"{project['name']}-{project['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def _values(rounds: Sequence[Sequence[Fields]], name: str) -> list[float]:
    """Return a row's value in every round.

    Raises:
        VersusError: A round has no such row.
    """
    values = [_by_name(rows)[name]["value"] for rows in rounds if name in _by_name(rows)]
    if len(values) < len(rounds):
        message = f"Row {name} is missing in {len(rounds) - len(values)} of {len(rounds)} rounds."
        raise VersusError(message)
    return values


def _by_name(rows: Sequence[Fields]) -> dict[str, Fields]:
    return {row["name"]: row for row in rows}


def _share_jars(root: Path, folder: Path) -> None:
    """Link the jars of Kafka that this tree has resolved, so that the other one finds them if it wants the same."""
    (folder / "var").mkdir(exist_ok=True)
    for jars in (root / "var").glob("kafka-jars-*"):
        (folder / "var" / jars.name).symlink_to(jars)


def _remove_worktree(root: Path, folder: Path) -> None:
    """Remove a worktree, also one that a killed comparison left."""
    shutil.rmtree(folder, ignore_errors=True)
    _git(root, "worktree", "prune")


def _git(root: Path, *arguments: str) -> None:
    _command(["git", *arguments], root)


def _command(command: Sequence[str], folder: Path) -> None:
    """Run a command.

    Raises:
        VersusError: It failed.
    """
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if ended.returncode:
        message = f"`{' '.join(command)}` ended with status {ended.returncode}: {ended.stderr[-2000:]}"
        raise VersusError(message)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
