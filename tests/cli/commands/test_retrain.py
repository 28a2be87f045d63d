"""The output of `playfold retrain`; `tests/kafka/test_night.py` runs it."""

import io

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.commands.retrain import Bars, describe_report
from jobs.progress import JobProgress
from jobs.retraining.retrain import Report
from state.generations.manifest import Gate


def report_of(gate: Gate | None) -> Report:
    """Return how a run ended that this gate judged."""
    return Report(
        generation="2026-11-22T03-00-00.000Z",
        status="announced" if gate is None or gate.accepted or gate.forced else "rejected",
        users=1200,
        items=30,
        plays=45_000,
        seconds=12.5,
        resumed=False,
        tuned=False,
        started_from=None,
        steps={},
        gate=gate,
    )


def gate_of(*, accepted: bool) -> Gate:
    """Return a verdict."""
    return Gate(against="g", candidate=None, serving=None, difference=None, accepted=accepted, reason="It is so.")


def test_an_announced_generation_is_told_with_its_verdict() -> None:
    """In one line, which other commands quote; without a gate there is none to tell."""
    counts = "Generation 2026-11-22T03-00-00.000Z is announced: 1,200 listeners, 30 items, 45,000 plays, 12.5 s."

    assert counts == describe_report(report_of(None))
    assert f"{counts} It is so." == describe_report(report_of(gate_of(accepted=True)))


def test_a_rejected_generation_is_told_with_the_way_out() -> None:
    """The verdict's reason stands before it."""
    expected = (
        "Generation 2026-11-22T03-00-00.000Z is rejected: 1,200 listeners, 30 items, 45,000 plays, 12.5 s. It is so. "
        "The one in service stays. `playfold retrain --force` announces the next one even if the gate rejects it."
    )
    assert expected == describe_report(report_of(gate_of(accepted=False)))


def test_every_step_has_a_bar() -> None:
    """It is full when the next step begins, whether or not the step reported its end; notes stay above."""
    written = io.StringIO()
    console = Console(file=written, width=100)
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        bars = Bars(progress)
        steps = [("reading", 0, None), ("reading", 7, 9), ("tuning", 0, None), ("tuning, best 0.1", 3, 5)]
        for step in steps:
            bars.show(JobProgress(*step))
        bars.show(JobProgress("Resuming a run.", is_note=True))
        bars.show(JobProgress("tuning, best 0.2", 4, 5))
        bars.end()

    lines = [line.replace("━", "").split() for line in written.getvalue().splitlines() if line.strip()]
    assert [["Resuming", "a", "run."], ["reading", "9/9"], ["tuning,", "best", "0.2", "5/5"]] == lines
