"""A bar for the running step."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.progress import JobProgress, ProgressCallback
from streams.process.format_text import printable


@contextmanager
def watched(*, quiet: bool) -> Iterator[ProgressCallback]:
    """Show the step on stderr, with notes above it; stdout has the answer alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        bar = bars.add_task("starting", total=None)

        def watch(step: JobProgress) -> None:
            if step.is_note:
                bars.console.print(escape(step.name))
            else:
                # A step may name a file.
                bars.update(bar, description=escape(printable(step.name)), completed=step.done, total=step.total)

        yield watch
