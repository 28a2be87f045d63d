"""`playfold retrain`: train the next generation, test it, and announce it if it is good enough."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from jobs.progress import JobProgress
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.retraining.retrain import Report

app = typer.Typer(add_completion=False)


class Bars:
    """Shows one bar per step, and notes above the bars. A bar is full when the next step begins.

    The text after a comma in the name of a step may change while the step runs.
    """

    def __init__(self, progress: Progress) -> None:
        """Draw bars in `progress`."""
        self._progress = progress
        self._bar: tuple[str, TaskID] | None = None

    def show(self, step: JobProgress) -> None:
        """Draw the progress of a step, or print a note."""
        if step.is_note:
            self._progress.console.print(step.name, highlight=False, soft_wrap=True)
            return
        name = step.name.partition(",")[0]
        if self._bar is None or self._bar[0] != name:
            self.end()
            self._bar = name, self._progress.add_task(name, total=None)
        self._progress.update(self._bar[1], description=step.name, completed=step.done, total=step.total)

    def end(self) -> None:
        """Fill the last bar."""
        if self._bar is not None:
            bar = self._progress.tasks[self._progress.task_ids.index(self._bar[1])]
            self._progress.update(bar.id, completed=bar.total or 1, total=bar.total or 1)
            self._progress.stop_task(bar.id)


@app.command()
def retrain(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Announce it even if the gate rejects it.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard an interrupted run.")] = False,
) -> None:
    """Train item factors on the listeners' histories, and announce them if they predict later plays well enough.

    A run that was interrupted less than 12 hours ago is resumed with its settings.
    """
    from jobs.retraining.retrain import retrain as make_generation

    settings = read_settings()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Notes go to stderr, also with --json.
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        bars = Bars(progress)
        report = make_generation(settings, bars.show, forced=force, fresh=fresh)
        bars.end()
    typer.echo(msgspec.json.encode(report) if as_json else describe_report(report))


def describe_report(report: "Report") -> str:
    """Return the status of the new generation in sentences."""
    counts = f"{report.users:,} listeners, {report.items:,} items, {report.plays:,} plays, {report.seconds} s."
    reason = f" {report.gate.reason}" if report.gate is not None else ""
    if report.status == "announced":
        return f"Generation {report.generation} is announced: {counts}{reason}"
    way_out = "The one in service stays. `playfold retrain --force` announces the next one even if the gate rejects it."
    return f"Generation {report.generation} is rejected: {counts}{reason} {way_out}"
