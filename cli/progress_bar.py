"""A bar for the running step."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.progress import JobProgress, ProgressCallback


@contextmanager
def watched(*, quiet: bool) -> Iterator[ProgressCallback]:
    """Show the step on stderr, with notes above it; stdout has the answer alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        bar = bars.add_task("starting", total=None)

        def watch(step: JobProgress) -> None:
            if step.is_note:
                bars.console.print(step.name)
            else:
                bars.update(bar, description=step.name, completed=step.done, total=step.total)

        yield watch
