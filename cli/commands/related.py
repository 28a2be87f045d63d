"""`playfold related`: the items nearest to an item, as they stand on the topic."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.commands.recommend import table_of_items
from streams.messages.records import RelatedItems
from streams.readers.catalog_item import titles_of
from streams.readers.latest_related import latest_related
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


class NothingRelatedError(LookupError):
    """Nothing is related to this item. See that it was played by more than one listener before the last retrain."""


@app.command()
def related(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Show the items nearest to an item under the generation in service."""
    settings = read_settings()
    found = asyncio.run(latest_related(item, settings))
    if found is None:
        message = f"Nothing is related to {item!r}: either nobody had played it at the last retrain, or there was none."
        raise NothingRelatedError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        typer.echo(f"Nearest to {found.item_id} under generation {found.generation}:")
        Console().print(show_related(found, asyncio.run(titles_of(found.items, settings))))


def show_related(found: RelatedItems, titles: Mapping[str, str]) -> Table:
    """Return related items as a table, nearest first."""
    return table_of_items(found.items, titles, "cosine", [f"{cosine:.3f}" for cosine in found.cosines])
