"""`playfold related`: the items nearest to an item, from the topic `related-items`."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.tables.items import table_of_items
from streams.messages.records import RelatedItems
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


class NothingRelatedError(LookupError):
    """No item is related to this one. Check that several listeners had played it before the last retrain."""


@app.command()
def related(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print the items nearest to an item under the generation in service."""
    from cli.damage_note import noted_damage
    from streams.readers.catalog_item import titles_of
    from streams.readers.latest_related import latest_related

    settings = read_settings()
    with noted_damage(f"A later record of {item!r}") as damaged:
        related_items = asyncio.run(latest_related(item, settings, damaged.skip))
    if related_items is None:
        message = f"No item is related to {item!r}: it had no plays at the last retrain, or there was no retrain yet."
        raise NothingRelatedError(message)
    if as_json:
        typer.echo(msgspec.json.encode(related_items))
    else:
        typer.echo(f"Nearest to {related_items.item_id} under generation {related_items.generation}:")
        Console().print(show_related(related_items, asyncio.run(titles_of(related_items.items, settings))))


def show_related(related_items: RelatedItems, titles: Mapping[str, str]) -> Table:
    """Return related items as a table, nearest first."""
    return table_of_items(related_items.items, titles, "cosine", [f"{cosine:.3f}" for cosine in related_items.cosines])
