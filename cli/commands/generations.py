"""`playfold generations`: what is published, whether it is whole, and which one is to serve."""

import asyncio
import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from cli.generations_table import entries_of, table_of
from cli.reindex import reindex_serving
from jobs.announcement import announce, announced
from jobs.retraining.related import publish_related
from state.errors import GenerationError, StoreUnavailableError
from state.generations.manifest import Manifest
from state.generations.open_store import generation_store
from state.generations.store import GenerationStore
from streams.readers.log_reader import LogReadError
from streams.settings import Settings, override, read_settings

LIST_PATIENCE_S = 3.0
"""A listing does not wait longer for Kafka, which only knows which generation serves."""

app = typer.Typer(help="Show, verify, roll back and prune generations.", no_args_is_help=True, add_completion=False)
app.command("reindex")(reindex_serving)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, one line a generation.")]
OneOrAll = Annotated[str | None, typer.Argument(help="The generation; all of them if left out.")]
OneOrBefore = Annotated[str | None, typer.Argument(help="The generation; the one before that in service if left out.")]


class RollbackError(ValueError):
    """There is nothing to go back to, or what was named may not serve. Name another one, or retrain."""


@app.command("list")
def list_generations(*, as_json: AsJson = False) -> None:
    """List the generations in the store, oldest first."""
    settings = read_settings()
    serving_id = _serving_if_known(settings)
    entries = entries_of(generation_store(settings), serving_id)
    if serving_id and serving_id not in {entry.generation_id for entry in entries}:
        typer.echo(f"Generation {serving_id} is in service, and is not in the store.", err=True)
    if not as_json:
        Console().print(table_of(entries), crop=False)  # a long line is better than half of one
        return
    for entry in entries:
        typer.echo(msgspec.json.encode(entry.fields))


def _serving_if_known(settings: Settings) -> str | None:
    """Return the generation in service; if Kafka does not tell, say so."""
    patience_s = min(LIST_PATIENCE_S, settings.kafka.timeout_s)
    try:
        return _serving_id(override(settings, kafka_timeout_s=patience_s))
    except LogReadError as error:
        typer.echo(f"Which generation serves is not known: {error}", err=True)
        return None


def _serving_id(settings: Settings) -> str | None:
    """Return the generation that is announced."""
    found = asyncio.run(announced(settings))
    return found.generation_id if found else None


@app.command()
def show(generation_id: str) -> None:
    """Print the manifest of a generation after verifying its files."""
    manifest = generation_store(read_settings()).verify(generation_id)
    typer.echo(msgspec.json.format(msgspec.json.encode(manifest)))


@app.command()
def verify(generation_id: OneOrAll = None) -> None:
    """Read every byte of one generation or of all; end with status 1 if one is damaged."""
    store = generation_store(read_settings())
    names = [generation_id] if generation_id else [entry.generation_id for entry in entries_of(store, None)]
    damaged = 0
    for name in names:
        try:
            with Console(stderr=True).status(f"reading {name}"):
                store.verify(name)
        except StoreUnavailableError:
            raise
        except GenerationError as error:
            damaged += 1
            typer.echo(str(error), err=True)
        else:
            typer.echo(f"Generation {name} is whole.")
    if damaged:
        raise typer.Exit(1)


@app.command()
def rollback(generation_id: OneOrBefore = None) -> None:
    """Verify an older generation, write its related items and announce it: every worker takes it into service."""
    settings = read_settings()
    store, serving_id = generation_store(settings), _serving_id(settings)
    chosen = generation_id or _before(store, serving_id)
    if chosen == serving_id:
        message = f"Generation {chosen} is in service already."
        raise RollbackError(message)
    manifest = store.verify(chosen)
    _refuse_rejected(manifest)
    asyncio.run(publish_related(settings, chosen))
    revision = max(store.revisions(chosen), default=0)
    asyncio.run(announce(settings, chosen, revision, time.time_ns() // 1_000_000))
    typer.echo(f"Generation {chosen} is announced" + (f" in the place of {serving_id}." if serving_id else "."))


def _before(store: GenerationStore, serving_id: str | None) -> str:
    """Return the newest generation before the one in service that was not rejected."""
    if serving_id is None:
        message = "No generation is in service, so there is none to go back from; name the one that is to serve."
        raise RollbackError(message)
    names = [manifest.generation_id for manifest in store.manifests() if not manifest.rejected]
    older = [name for name in names if name < serving_id]
    if not older:
        message = f"There is no generation before {serving_id}; `playfold generations list` shows what is kept."
        raise RollbackError(message)
    return older[-1]


def _refuse_rejected(manifest: Manifest) -> None:
    if manifest.gate is not None and manifest.rejected:
        message = f"Generation {manifest.generation_id} was rejected: {manifest.gate.reason} Name another one."
        raise RollbackError(message)


@app.command()
def prune() -> None:
    """Remove all generations but the newest ones and the one in service."""
    settings = read_settings()
    removed = generation_store(settings).prune(settings.generations.n_max, _serving_id(settings))
    for name in removed:
        typer.echo(f"Generation {name} is removed.")
    if not removed:
        typer.echo(f"Nothing to remove: {settings.generations.n_max} generations are kept, and as many rejected ones.")
