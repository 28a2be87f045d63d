"""`playfold retrain`: make the next generation and announce it."""

import asyncio
import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.threads import pin_threads
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def retrain(*, as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False) -> None:
    """Train item factors on every listener's history, publish them as a generation and announce it."""
    settings = read_settings()
    pin_threads(settings.threads)
    from jobs.history import read_history
    from jobs.retrain import announce, catalog_of, describe, objective_of, train_factors, training_set
    from state.generation_store import GenerationStore, new_generation_id

    started = time.monotonic()
    store = GenerationStore(settings.generations_path)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bars:
        bar = bars.add_task("reading the histories", total=None)
        snapshot = asyncio.run(read_history(settings))
        found = training_set(snapshot, settings)
        objective = objective_of(settings)
        bars.update(bar, description=f"training on {len(found.records):,} listeners", total=2 * objective.iterations)
        factors = train_factors(found, objective, settings.threads, lambda _: bars.advance(bar))
        bars.update(bar, description="publishing")
        now_ms = time.time_ns() // 1_000_000
        parent = max((manifest.generation_id for manifest in store.manifests()), default=None)
        manifest = describe(found, snapshot, objective, new_generation_id(now_ms), parent, now_ms)
        store.publish(manifest, catalog_of(found, factors))
        asyncio.run(announce(settings, manifest.generation_id, now_ms))
        bars.update(bar, description=f"announced {manifest.generation_id}")
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
