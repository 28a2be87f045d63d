"""`playfold doctor`: what is wrong, and what to do about it."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.doctor.doctor import Doctor
from jobs.doctor.finding import Finding, Verdict
from streams.process.format_text import count_of
from streams.settings import read_settings

STYLES: dict[Verdict, str] = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}
app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Answer with a line of JSON a check.")] = False
) -> None:
    """Look at Kafka, topics, generation, lag, workers, clocks, disk and gateway; end with status 1 on a problem.

    Nothing is changed, and no check waits longer than ten seconds.
    """
    settings = read_settings()
    with Console(stderr=True).status("looking"):
        findings = asyncio.run(Doctor(settings).examine())
    if as_json:
        for one in findings:
            typer.echo(msgspec.json.encode(one))
    else:
        console = Console()
        console.print(table_of(findings))
        console.print(summary_of(findings))
    if any(one.verdict == "problem" for one in findings):
        raise typer.Exit(1)


def table_of(findings: Sequence[Finding]) -> Table:
    """Return findings as a table: what is so, and below it what to do."""
    table = Table(box=SIMPLE_HEAD)
    for name in ("check", "verdict", "what is so, and what to do"):
        table.add_column(name)
    for one in findings:
        told = Text(one.says)
        if one.do:
            told.append(f"\n→ {one.do}", style="bold")
        table.add_row(one.check, Text(one.verdict, style=STYLES[one.verdict]), told)
    return table


def summary_of(findings: Sequence[Finding]) -> str:
    """Return in a sentence how it is."""
    problems, warnings = (sum(one.verdict == verdict for one in findings) for verdict in ("problem", "warning"))
    if not problems and not warnings:
        return "Nothing is wrong."
    return f"{count_of(problems, 'problem')}, {count_of(warnings, 'warning')}."
