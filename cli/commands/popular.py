"""`playfold popular`: the most played items, from the topic `popular-items`."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.tables.foreign_text import foreign_text
from streams.messages.records import ALL_KINDS, PopularItems
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


class NothingPopularError(LookupError):
    """There is no popular list of this kind. Check that a worker serves a generation, and the spelling of the kind."""


@app.command()
def popular(
    *,
    kind: Annotated[str, typer.Option(help="Kind of the items in the catalog.")] = ALL_KINDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print the most played items; recent plays count more."""
    from cli.damage_note import noted_damage
    from streams.readers.latest_popular import latest_popular

    with noted_damage("A later popular list") as damaged:
        popular_items = asyncio.run(latest_popular(kind, read_settings(), damaged.skip))
    if popular_items is None:
        message = f"There is no popular list of kind {kind!r}: no worker has served a generation with such items yet."
        raise NothingPopularError(message)
    if as_json:
        typer.echo(msgspec.json.encode(popular_items))
    else:
        items = "items" if popular_items.kind == ALL_KINDS else f"items of kind {popular_items.kind}"
        typer.echo(f"Most played {items} under generation {popular_items.generation}:")
        Console().print(show_popular(popular_items))


def show_popular(popular_items: PopularItems) -> Table:
    """Return popular items as a table, most popular first."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("plays", justify="right")
    for rank, (item, plays) in enumerate(zip(popular_items.items, popular_items.plays, strict=True), 1):
        table.add_row(str(rank), foreign_text(item), f"{plays:.4g}")
    return table
