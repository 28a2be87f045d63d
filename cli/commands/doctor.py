"""`playfold doctor`: the problems of the running system, and their remedies."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.doctor.finding import Finding, Verdict
from streams.process.format_text import pluralize
from streams.settings import read_settings

STYLES: dict[Verdict, str] = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}
app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per check.")] = False
) -> None:
    """Check Kafka, topics, generation, lag, workers, clocks, disk and gateway; exit with status 1 on a problem.

    It changes nothing, and no check takes longer than ten seconds.
    """
    from jobs.doctor.doctor import Doctor

    settings = read_settings()
    with Console(stderr=True).status("checking"):
        findings = asyncio.run(Doctor(settings).examine())
    if as_json:
        for finding in findings:
            typer.echo(msgspec.json.encode(finding))
    else:
        console = Console()
        console.print(table_of(findings))
        console.print(summary_of(findings))
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(1)


def table_of(findings: Sequence[Finding]) -> Table:
    """Return findings as a table: each description with its remedy below it."""
    table = Table(box=SIMPLE_HEAD)
    for name in ("check", "verdict"):
        table.add_column(name)
    table.add_column("finding and remedy", overflow="fold")  # a setting that is cut off helps nobody
    for finding in findings:
        text = Text(finding.says)
        if finding.do:
            text.append(f"\n→ {finding.do}", style="bold")
        table.add_row(finding.check, Text(finding.verdict, style=STYLES[finding.verdict]), text)
    return table


def summary_of(findings: Sequence[Finding]) -> str:
    """Return the number of problems and warnings in a sentence."""
    problems, warnings = (sum(finding.verdict == verdict for finding in findings) for verdict in ("problem", "warning"))
    if not problems and not warnings:
        return "No problem found."
    return f"{pluralize(problems, 'problem')}, {pluralize(warnings, 'warning')}."
