"""`playfold related`: the items nearest to an item, as they stand on the topic."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from streams.latest_related import latest_related
from streams.records import RelatedItems
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
    found = asyncio.run(latest_related(item, read_settings()))
    if found is None:
        message = f"Nothing is related to {item!r}: either nobody had played it at the last retrain, or there was none."
        raise NothingRelatedError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        typer.echo(f"Nearest to {found.item_id} under generation {found.generation}:")
        Console().print(show_related(found))


def show_related(found: RelatedItems) -> Table:
    """Return related items as a table, nearest first."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("cosine", justify="right")
    for rank, (item, cosine) in enumerate(zip(found.items, found.cosines, strict=True), 1):
        table.add_row(str(rank), item, f"{cosine:.3f}")
    return table
