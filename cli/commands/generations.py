"""`playfold generations`: list, verify, announce, roll back and prune the published generations."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from cli.commands.generations_reindex import reindex_serving
from state.errors import GenerationError, StoreUnavailableError
from streams.settings import Settings, override, read_settings

if TYPE_CHECKING:
    from state.generations.manifest import Manifest
    from state.generations.store import GenerationStore

LIST_PATIENCE_S = 3.0
"""Longest wait of a listing for Kafka, which names the generation in service."""

app = typer.Typer(
    help="List, verify, announce, roll back and prune generations.", no_args_is_help=True, add_completion=False
)
app.command("reindex")(reindex_serving)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON per generation.")]
OneOrAll = Annotated[str | None, typer.Argument(help="The generation; default: all.")]
OneOrBefore = Annotated[str | None, typer.Argument(help="The generation; default: the one before that in service.")]
OneOrServing = Annotated[str | None, typer.Argument(help="The generation; default: the one in service.")]


class RollbackError(ValueError):
    """There is no such generation, or the chosen one was rejected. Name another one, or retrain."""


@app.command("list")
def list_generations(*, as_json: AsJson = False) -> None:
    """List the generations in the store, oldest first."""
    from cli.tables.generations import entries_of, table_of
    from state.generations.open_store import generation_store

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
    """Return the generation in service; print a note if Kafka does not answer."""
    from streams.readers.log_reader import LogReadError

    patience_s = min(LIST_PATIENCE_S, settings.kafka.timeout_s)
    try:
        return _serving_id(override(settings, kafka_timeout_s=patience_s))
    except LogReadError as error:
        typer.echo(f"The generation in service is unknown: {error}", err=True)
        return None


def _serving_id(settings: Settings) -> str | None:
    """Return the generation that is announced."""
    from jobs.announcement import announced

    announcement = asyncio.run(announced(settings))
    return announcement.generation_id if announcement else None


@app.command()
def show(generation_id: str) -> None:
    """Verify the files of a generation and print its manifest."""
    from state.generations.open_store import generation_store

    manifest = generation_store(read_settings()).verify(generation_id)
    typer.echo(msgspec.json.format(msgspec.json.encode(manifest)))


@app.command()
def verify(generation_id: OneOrAll = None) -> None:
    """Verify the checksums of one generation or of all; exit with status 1 if one is damaged."""
    from cli.tables.generations import entries_of
    from state.generations.open_store import generation_store

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
    """Verify an older generation, publish its related items, and announce it to every worker."""
    from state.generations.open_store import generation_store

    settings = read_settings()
    store, serving_id = generation_store(settings), _serving_id(settings)
    chosen = generation_id or _before(store, serving_id)
    if chosen == serving_id:
        message = f"Generation {chosen} is in service already."
        raise RollbackError(message)
    _announce(settings, store, chosen)
    typer.echo(f"Generation {chosen} is announced" + (f" in the place of {serving_id}." if serving_id else "."))


@app.command("announce")
def announce_again(generation_id: OneOrServing = None) -> None:
    """Verify a generation, publish its related items, and announce it to every worker.

    For topics that were deleted and made again. Without an id it is the generation in service; if none is announced,
    the newest one that was not rejected.
    """
    from state.generations.open_store import generation_store

    settings = read_settings()
    store = generation_store(settings)
    chosen = generation_id or _serving_id(settings) or _newest(store)
    _announce(settings, store, chosen)
    typer.echo(f"Generation {chosen} is announced, and its related items are published.")


def _announce(settings: Settings, store: "GenerationStore", generation_id: str) -> None:
    """Verify a generation, publish its related items, and announce its latest revision.

    A run that dies before the announcement is repeated: the same related items twice are harmless.
    """
    from jobs.announcement import announce
    from jobs.retraining.related import publish_related

    _refuse_rejected(store.verify(generation_id))
    asyncio.run(publish_related(settings, generation_id))
    revision = max(store.revisions(generation_id), default=0)
    asyncio.run(announce(settings, generation_id, revision, time.time_ns() // 1_000_000))


def _newest(store: "GenerationStore") -> str:
    """Return the newest generation that was not rejected."""
    names = store.accepted()
    if not names:
        message = "The store has no generation that may serve: run `playfold retrain`."
        raise RollbackError(message)
    return names[-1]


def _before(store: "GenerationStore", serving_id: str | None) -> str:
    """Return the newest generation before the one in service that was not rejected."""
    if serving_id is None:
        message = "No generation is in service, so there is none before it: name a generation."
        raise RollbackError(message)
    older = [name for name in store.accepted() if name < serving_id]
    if not older:
        message = f"There is no generation before {serving_id}; `playfold generations list` lists all."
        raise RollbackError(message)
    return older[-1]


def _refuse_rejected(manifest: "Manifest") -> None:
    if manifest.gate is not None and manifest.rejected:
        message = f"Generation {manifest.generation_id} was rejected: {manifest.gate.reason} Name another one."
        raise RollbackError(message)


@app.command()
def prune() -> None:
    """Delete the oldest generations; the newest ones and the one in service stay."""
    from state.generations.open_store import generation_store

    settings = read_settings()
    removed = generation_store(settings).prune(settings.generations.n_max, _serving_id(settings))
    for name in removed:
        typer.echo(f"Generation {name} is removed.")
    if not removed:
        typer.echo(f"Nothing to remove: {settings.generations.n_max} generations are kept, and as many rejected ones.")
