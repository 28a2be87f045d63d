"""All benchmarks as one Markdown table: `python -m tests.benchmarks.table [--write] [NAME ...]`.

Each runs as a process of its own, one after the other, and says its rows with `--json`. The table goes to stdout, or
with `--write` to docs/benchmarks.md. Names choose some of the benchmarks.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BENCHMARKS = (
    "stream",
    "latency",
    "gateway",
    "play_to_answer",
    "anonymous",
    "recovery",
    "fold_in",
    "explain",
    "quality",
    "train",
    "rank",
    "sweep",
    "sweep_alone",
    "snapshot",
    "live_quality",
    "compression",
    "group",
    "encode",
    "parts",
    "footprint",
)
"""Every module of this folder that measures."""
ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docs" / "benchmarks.md"
COLUMNS = ("name", "value", "unit", "against", "ratio")
WHOLE_FROM = 100

Fields = Mapping[str, Any]


def measure(name: str) -> list[Fields]:
    """Run one benchmark and return its rows; its stderr is shown as it comes."""
    sys.stderr.write(f"{name} ...\n")
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--json"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        sys.exit(f"Benchmark {name} ended with status {run.returncode}; nothing is written.")
    return [json.loads(line) for line in run.stdout.splitlines() if line.strip()]


def cell(value: object) -> str:
    """Return a value as a person reads it: four digits, or all before the point."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(part)}" for name, part in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def lines_of(benchmark: str, rows: Sequence[Fields]) -> Iterator[str]:
    """Yield the section of one benchmark."""
    yield from (f"## {benchmark}", "", f"`python -m tests.benchmarks.{benchmark}`", "")
    yield "| row | value | unit | against | ratio | and |"
    yield "|---|--:|---|--:|--:|---|"
    for row in rows:
        cells = [cell(row[name]) if name in row else "" for name in COLUMNS]
        cells[0] = f"`{cells[0]}`"
        rest = ", ".join(f"{name} {cell(value)}" for name, value in row.items() if name not in COLUMNS)
        yield f"| {' | '.join(cells)} | {rest} |"
    yield ""


def head() -> Iterator[str]:
    """Yield the conditions of the measurement, and how to read the figures."""
    day = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    yield from ("# Benchmarks", "", f"`make bench` wrote this file on {day}: {machine}.")
    yield "`against` is the other system's figure from the same run, `ratio` how many times better ours is."
    yield "Ratios travel from machine to machine; absolute figures do not."
    yield ""


def main(arguments: Sequence[str]) -> None:
    """Measure, then write the table whole."""
    names = [argument for argument in arguments if argument != "--write"] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"{unknown[0]} is no benchmark; there are {', '.join(BENCHMARKS)}.")
    sections = [line for name in names for line in lines_of(name, measure(name))]
    text = "\n".join([*head(), *sections]).rstrip() + "\n"
    if "--write" in arguments:
        FILE.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
