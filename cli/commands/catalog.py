"""`playfold catalog`: what is known of items besides their plays."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.progress_bar import watched
from jobs.progress import JobProgress, ProgressCallback
from streams.files.catalog_file import CatalogColumns, read_items, send_items
from streams.files.plays_file import n_rows_of
from streams.messages.records import CatalogItem
from streams.outbox import Outbox
from streams.readers.catalog_item import latest_catalog_item
from streams.settings import Settings, read_settings
from streams.topics.admin import verify_topics

app = typer.Typer(help="Load and show what is known of items.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")]


class NotInCatalogError(LookupError):
    """The catalog says nothing of this item. Load it with `playfold catalog load`, or send a record."""


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines (both also .gz) or Parquet.")],
    *,
    item_column: Annotated[str, typer.Option(help="Column of the item's id.")] = "item_id",
    title_column: Annotated[str, typer.Option(help="Column of the title.")] = "title",
    artist_column: Annotated[str, typer.Option(help="Column of the artist.")] = "artist",
    kind_column: Annotated[str, typer.Option(help="Column of the kind.")] = "kind",
    from_column: Annotated[str, typer.Option(help="Column of when it becomes available.")] = "available_from",
    until_column: Annotated[str, typer.Option(help="Column of when it is available no more.")] = "available_until",
    tags_column: Annotated[str, typer.Option(help="Column of the tags, separated by |.")] = "tags",
    as_json: AsJson = False,
) -> None:
    """Send a file of items to the catalog; what it says of an item takes the place of all that was said before.

    Only the id is needed. Times are RFC 3339 or epoch seconds or milliseconds. Items that are not in the file stay.
    """
    columns = CatalogColumns(
        item_id=item_column,
        title=title_column,
        artist=artist_column,
        kind=kind_column,
        available_from=from_column,
        available_until=until_column,
        tags=tags_column,
    )
    settings, total = read_settings(), n_rows_of(file)
    verify_topics(settings)
    with watched(quiet=as_json) as watch:
        n_sent = asyncio.run(send_all(read_items(file, columns), settings, watch, total))
    typer.echo(msgspec.json.encode({"items": n_sent}) if as_json else f"The catalog has taken in {n_sent:,} items.")


async def send_all(
    pieces: Iterator[list[CatalogItem]], settings: Settings, watch: ProgressCallback, total: int | None
) -> int:
    """Send every item; return how many there were."""
    n_sent = 0
    async with Outbox(settings.kafka) as outbox:
        async for n_sent in send_items(pieces, outbox, settings):
            watch(JobProgress("items", n_sent, total))
    return n_sent


@app.command()
def show(item: Annotated[str, typer.Argument(help="The item's id.")], *, as_json: AsJson = False) -> None:
    """Show what the catalog says of an item."""
    found = asyncio.run(latest_catalog_item(item, read_settings()))
    if found is None:
        message = f"The catalog says nothing of {item!r}."
        raise NotInCatalogError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        Console().print(show_item(found))


def show_item(item: CatalogItem) -> Table:
    """Return what is said of an item, a line each."""
    grid = Table.grid(padding=(0, 2))
    lines = {
        "item": item.item_id,
        "title": item.title,
        "artist": item.artist,
        "kind": item.kind,
        "available from": told_moment(item.available_from_ms),
        "available until": told_moment(item.available_until_ms),
        "tags": ", ".join(item.tags),
    }
    for name, value in lines.items():
        if value:
            grid.add_row(name, value)
    return grid


def told_moment(at_ms: int | None) -> str | None:
    """Return a moment as a person reads it.

    >>> told_moment(1_600_000_000_000)
    '2020-09-13 12:26:40 UTC'
    """
    return None if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
