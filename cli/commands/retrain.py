"""`playfold retrain`: make the next generation, judge it and announce it."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from jobs.progress import JobProgress
from jobs.retraining.retrain import Report
from jobs.retraining.retrain import retrain as make_generation
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


class Bars:
    """Shows steps: a bar each, which is full when the next one begins, and sentences above them.

    What follows a comma in a step's name tells how it goes, and may change.
    """

    def __init__(self, progress: Progress) -> None:
        """Show them in `progress`."""
        self._progress = progress
        self._bar: tuple[str, TaskID] | None = None

    def show(self, step: JobProgress) -> None:
        """Show what is told."""
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
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Announce it whatever the gate says.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard a run that was interrupted.")] = False,
) -> None:
    """Train item factors on the listeners' histories and announce them, if they find what was played next.

    A run that was interrupted less than 12 hours ago is resumed, under the settings that it began with.
    """
    settings = read_settings()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Sentences are told on stderr whatever the form of the answer.
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        bars = Bars(progress)
        report = make_generation(settings, bars.show, forced=force, fresh=fresh)
        bars.end()
    typer.echo(msgspec.json.encode(report) if as_json else told(report))


def told(report: Report) -> str:
    """Return what became of a generation, in sentences."""
    counts = f"{report.users:,} listeners, {report.items:,} items, {report.plays:,} plays, {report.seconds} s."
    reason = f" {report.gate.reason}" if report.gate is not None else ""
    if report.status == "announced":
        return f"Generation {report.generation} is announced: {counts}{reason}"
    way_out = "The one in service stays; `playfold retrain --force` announces the next one whatever the gate says."
    return f"Generation {report.generation} is rejected: {counts}{reason} {way_out}"
