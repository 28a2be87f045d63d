"""Benchmarks of this working tree against another revision: `python -m tests.benchmarks.versus REV NAME ... [--json]`.

The other revision is checked out into a temporary worktree, with an environment of its own lock file. Both run every
benchmark in turn (other, ours, other, ours, ...), so that a slow moment of the machine meets both. The rows of this
tree are printed with `against`, the other's median; `ratio`, how many times better ours is; and the ratio's spread.

Options:
    --rounds N  Rounds of every benchmark, three at least.
    --bring     Copy a benchmark that the other revision lacks into its tree. It must use no more of the project than
                that revision has.
    --json      One JSON object a line.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from state.errors import StateError
from state.storage.files import locked_folder
from tests.benchmarks.checkouts import Checkout, VersusError, checkout, say
from tests.benchmarks.report import Row, report
from tests.benchmarks.table import BENCHMARKS

ROOT = Path(__file__).parents[2]
ROUNDS_MIN = 3
BENCHMARK_S = 1800.0
LOWER_IS_BETTER = {"us", "ms", "s", "s/iteration", "bytes"}
"""Units of durations and sizes; of every other unit more is better."""
WARM_UP = "from agents.worker import warm_up; warm_up()"

Fields = Mapping[str, Any]


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
    require_benchmarks(other, names)
    for name in names:
        measured: dict[str, list[Sequence[Fields]]] = {"other": [], "ours": []}
        for number in range(1, rounds + 1):
            for side, tree in (("other", other), ("ours", ours)):
                began = time.monotonic()
                measured[side].append(_rows(tree, name))
                say(f"{name}: round {number} of {rounds}, {tree.name}: {time.monotonic() - began:.0f} s")
        gone = _by_name(measured["other"][0]).keys() - _by_name(measured["ours"][0]).keys()
        if gone:
            say(f"{name}: only {other.name} has {', '.join(sorted(gone))}.")
        yield from compare(measured["ours"], measured["other"])


def require_benchmarks(tree: Checkout, names: Sequence[str]) -> None:
    """Check that a tree has benchmarks.

    Raises:
        VersusError: It lacks one.
    """
    for name in names:
        if not (tree.folder / "tests" / "benchmarks" / f"{name}.py").exists():
            message = f"{tree.name} has no benchmark {name}."
            raise VersusError(message)


def bring(ours: Checkout, other: Checkout, names: Sequence[str]) -> None:
    """Copy the benchmarks that the other revision lacks into its tree, which is removed at the end."""
    for name in names:
        file = Path("tests") / "benchmarks" / f"{name}.py"
        if not (other.folder / file).exists():
            shutil.copyfile(ours.folder / file, other.folder / file)


@contextmanager
def both_trees(revision: str) -> Iterator[tuple[Checkout, Checkout]]:
    """Check a revision out beside this tree, both with compiled kernels; one comparison runs at a time.

    Yields:
        This tree and the other one.

    Raises:
        VersusError: There is no such revision, or its environment cannot be installed.
    """
    cache = ROOT / "var" / "versus"
    with locked_folder(cache, f"Another comparison runs in {cache}: wait for it, or stop it."):
        ours = Checkout("this tree", ROOT, Path(sys.executable), {})
        with checkout(ROOT, revision, cache) as other:
            for tree in (ours, other):
                tree.run(["-c", WARM_UP], BENCHMARK_S)
            yield ours, other


def main(arguments: Sequence[str]) -> None:
    """Compare and print; an error is one sentence and exit status 1."""
    options = _parser().parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        sys.exit(f"{unknown[0]} is no benchmark; there are {', '.join(BENCHMARKS)}.")
    if options.rounds < ROUNDS_MIN:
        sys.exit(f"--rounds is {options.rounds}, and {ROUNDS_MIN} at least make a median.")
    try:
        with both_trees(options.revision) as (ours, other):
            if options.bring:
                bring(ours, other, options.names)
            report(measure(ours, other, options.names, options.rounds), ["--json"] if options.json else [])
    except (VersusError, StateError, OSError, ValueError) as error:
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
    parser.add_argument("--bring", action="store_true", help="copy benchmarks that REV lacks into its tree")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser


def _rows(tree: Checkout, name: str) -> list[Fields]:
    """Run one benchmark and return its rows."""
    printed = tree.run(["-m", f"tests.benchmarks.{name}", "--json"], BENCHMARK_S)
    return [json.loads(line) for line in printed.splitlines() if line.strip()]


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


if __name__ == "__main__":
    main(sys.argv[1:])
