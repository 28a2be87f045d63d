"""`playfold retrain`: make the next generation and announce it."""

import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.retrain import Step
from jobs.retrain import retrain as make_generation
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def retrain(*, as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False) -> None:
    """Train item factors on every listener's history, publish them as a generation and announce it."""
    settings = read_settings()
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bars:
        bar = bars.add_task("starting", total=None)

        def show(step: Step) -> None:
            bars.update(bar, description=step.name, completed=step.done, total=step.total)

        manifest = make_generation(settings, show)
    told = {
        "generation": manifest.generation_id,
        "users": manifest.n_users,
        "items": manifest.n_items,
        "plays": manifest.n_plays,
        "seconds": round(time.monotonic() - started, 2),
    }
    text = (
        f"Generation {told['generation']} is announced: {told['users']:,} listeners, {told['items']:,} items, "
        f"{told['plays']:,} plays, {told['seconds']} s."
    )
    typer.echo(msgspec.json.encode(told) if as_json else text)
