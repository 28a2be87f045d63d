"""`playfold popular`: what listeners play most, as it stands on the topic."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from streams.messages.records import ALL_KINDS, PopularItems
from streams.readers.latest_popular import latest_popular
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


class NothingPopularError(LookupError):
    """There is no popular list of this kind. See that a worker serves a generation, and how the kind is spelled."""


@app.command()
def popular(
    *,
    kind: Annotated[str, typer.Option(help="Kind of the items, by the catalog.")] = ALL_KINDS,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Show what listeners play most; a play counts less the longer ago it was."""
    found = asyncio.run(latest_popular(kind, read_settings()))
    if found is None:
        message = f"There is no popular list of kind {kind!r}: no worker has served a generation with such items yet."
        raise NothingPopularError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        what = "items" if found.kind == ALL_KINDS else f"items of kind {found.kind}"
        typer.echo(f"Most played {what} under generation {found.generation}:")
        Console().print(show_popular(found))


def show_popular(found: PopularItems) -> Table:
    """Return popular items as a table, most popular first."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("plays", justify="right")
    for rank, (item, plays) in enumerate(zip(found.items, found.plays, strict=True), 1):
        table.add_row(str(rank), item, f"{plays:.4g}")
    return table
