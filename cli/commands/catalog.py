"""`playfold catalog`: titles, kinds and availability of items."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.commands.replay_result import note
from cli.damage_note import noted_damage
from cli.option_groups import with_groups
from cli.progress_bar import watched
from cli.tables.foreign_text import foreign_text
from jobs.progress import JobProgress, ProgressCallback
from streams.connection.rights import MissingRightError
from streams.files.catalog_file import CatalogColumns, read_items, send_items
from streams.files.plays_file import n_rows_of
from streams.messages.records import CatalogItem
from streams.outbox import Outbox
from streams.process.format_text import pluralize
from streams.readers.catalog_item import latest_catalog_item
from streams.readers.catalog_watch import CatalogWatch
from streams.readers.pulse_watch import watching
from streams.readers.topic_identities import present_id
from streams.settings import Settings, read_settings
from streams.topics.admin import verify_topics
from streams.topics.topics import topic_names

app = typer.Typer(
    help="Load and print titles, kinds and availability of items.", no_args_is_help=True, add_completion=False
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


class Loaded(msgspec.Struct, kw_only=True):
    """The effect of a load."""

    items: int = 0
    """Records that Kafka acknowledged."""
    workers: int | None = None
    """Running workers that have taken in all of them; None if that is not known."""
    workers_waiting: int | None = None
    """Running workers that have not."""


class NotInCatalogError(LookupError):
    """The catalog has no record of this item. Load it with `playfold catalog load`, or send a record."""


@dataclass(frozen=True, kw_only=True)
class CatalogColumnOptions:
    """The names of the columns of a file of catalog records."""

    item_column: Annotated[str, typer.Option(help="Column of the item's id.")] = "item_id"
    title_column: Annotated[str, typer.Option(help="Column of the title.")] = "title"
    artist_column: Annotated[str, typer.Option(help="Column of the artist.")] = "artist"
    kind_column: Annotated[str, typer.Option(help="Column of the kind.")] = "kind"
    from_column: Annotated[str, typer.Option(help="Column of the time from which it is available.")] = "available_from"
    until_column: Annotated[str, typer.Option(help="Column of the time until which it is available.")] = (
        "available_until"
    )
    tags_column: Annotated[str, typer.Option(help="Column of the tags, separated by |.")] = "tags"

    def columns(self) -> CatalogColumns:
        """Return the columns."""
        return CatalogColumns(
            item_id=self.item_column,
            title=self.title_column,
            artist=self.artist_column,
            kind=self.kind_column,
            available_from=self.from_column,
            available_until=self.until_column,
            tags=self.tags_column,
        )


@app.command()
@with_groups
def load(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines (both also .gz) or Parquet.")],
    *,
    columns: CatalogColumnOptions,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait until running workers have taken the records in.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send a file of catalog records; each replaces the record of its item.

    Only the id is required. Times are RFC 3339 or epoch seconds or milliseconds. Other items stay.
    """
    settings, total = read_settings(), n_rows_of(file)
    verify_topics(settings)
    with watched(quiet=as_json) as watch:
        loaded = asyncio.run(send_all(read_items(file, columns.columns()), settings, watch, total, wait))
    typer.echo(msgspec.json.encode(loaded) if as_json else describe_load(loaded))


async def send_all(
    pieces: Iterator[list[CatalogItem]], settings: Settings, watch: ProgressCallback, total: int | None, wait_s: float
) -> Loaded:
    """Send every item, then wait so many seconds at most until running workers have taken them in.

    A right to read reports that is missing once all items are sent is noted.
    """
    loaded, is_sent = Loaded(), False
    try:
        async with (
            watching(CatalogWatch(), settings) as workers,
            Outbox(settings.kafka, topic_names(settings).catalog) as outbox,
        ):
            workers.topic_id = await present_id(settings, topic_names(settings).catalog)
            async for n_sent in send_items(pieces, outbox, settings, workers.expect):
                loaded.items = n_sent
                watch(JobProgress("items", n_sent, total))
            is_sent = True
            await workers.wait(wait_s)
            loaded.workers, loaded.workers_waiting = workers.n_ready, workers.n_waiting
    except MissingRightError as error:
        if not is_sent:
            raise
        note(f"The records are sent, but it is not known whether workers have taken them in. {error}")
    return loaded


def describe_load(loaded: Loaded) -> str:
    """Return the result of a load in sentences.

    >>> describe_load(Loaded(items=1200, workers=2))
    '1,200 catalog records sent, all acknowledged. Running workers that have taken them in: 2.'
    """
    sent = f"{pluralize(loaded.items, 'catalog record')} sent, all acknowledged."
    if loaded.workers is None:
        return sent
    if not (loaded.workers or loaded.workers_waiting):
        return f"{sent} No worker runs; a worker reads the catalog when it starts."
    ready = f"{sent} Running workers that have taken them in: {loaded.workers}."
    waiting = f" Others, which have not yet: {loaded.workers_waiting}; `playfold pulse` shows the workers."
    return ready + (waiting if loaded.workers_waiting else "")


@app.command()
def show(item: Annotated[str, typer.Argument(help="The item's id.")], *, as_json: AsJson = False) -> None:
    """Print the catalog record of an item."""
    with noted_damage(f"A later record of {item!r}") as damaged:
        catalog_item = asyncio.run(latest_catalog_item(item, read_settings(), damaged.skip))
    if catalog_item is None:
        message = f"The catalog has no record of {item!r}."
        raise NotInCatalogError(message)
    if as_json:
        typer.echo(msgspec.json.encode(catalog_item))
    else:
        Console().print(show_item(catalog_item))


def show_item(item: CatalogItem) -> Table:
    """Return the fields of a catalog record, one per line."""
    grid = Table.grid(padding=(0, 2))
    lines = {
        "item": item.item_id,
        "title": item.title,
        "artist": item.artist,
        "kind": item.kind,
        "available from": format_moment(item.available_from_ms),
        "available until": format_moment(item.available_until_ms),
        "tags": ", ".join(item.tags),
    }
    for name, value in lines.items():
        if value:
            grid.add_row(name, foreign_text(value))
    return grid


def format_moment(at_ms: int | None) -> str | None:
    """Return a time in UTC.

    >>> format_moment(1_600_000_000_000)
    '2020-09-13 12:26:40 UTC'
    """
    return None if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
