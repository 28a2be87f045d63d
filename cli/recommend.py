"""`playfold recommend`: a listener's list, as it stands on the topic."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from streams.catalog_item import titles_of
from streams.latest_list import latest_list
from streams.records import Recommendations
from streams.settings import read_settings

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
app = typer.Typer(add_completion=False)


class NoListError(LookupError):
    """Nothing was recommended to this listener. See that they have played something, and that a worker runs."""


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The listener's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Show a listener's list, the one that reflects most of their plays."""
    settings = read_settings()
    found = asyncio.run(latest_list(user, settings))
    if found is None:
        message = (
            f"There is no list for {user!r}: either they played nothing yet, or no worker served a generation since."
        )
        raise NoListError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        typer.echo(head(found, time.time_ns() // 1_000_000))
        Console().print(show_list(found, asyncio.run(titles_of(found.items, settings))))


def show_list(found: Recommendations, titles: Mapping[str, str]) -> Table:
    """Return a list as a table, best first."""
    return table_of_items(found.items, titles, "score", [f"{score:.4g}" for score in found.scores])


def table_of_items(items: Sequence[str], titles: Mapping[str, str], figure: str, told: Sequence[str]) -> Table:
    """Return items as a table in their order, each with a figure, and with its title where any has one."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    if titles:
        table.add_column("title")
    table.add_column(figure, justify="right")
    for rank, (item, figure_told) in enumerate(zip(items, told, strict=True), 1):
        table.add_row(str(rank), item, *([titles.get(item, "")] if titles else []), figure_told)
    return table


def head(found: Recommendations, now_ms: int) -> str:
    """Return what a list is: its kind, where it comes from, how old it is."""
    kind = "their own list" if found.kind == "personal" else "the popular list, since nothing usable is known of them"
    reflects = f"offset {found.offset} of partition {found.partition}" if found.offset >= 0 else "no play yet"
    expired = found.expires_at_ms <= now_ms
    until = (
        f"expired {tell_span(now_ms - found.expires_at_ms)} ago"
        if expired
        else (f"expires in {tell_span(found.expires_at_ms - now_ms)}")
    )
    return (
        f"{found.user_id}: {kind}\n"
        f"generation {found.generation}, revision {found.revision}; reflects {reflects}\n"
        f"made {tell_span(now_ms - found.made_at_ms)} ago, {until}"
    )


def tell_span(span_ms: int) -> str:
    """Return a span of time as a person says it.

    >>> tell_span(90_000)
    '1.5 min'
    """
    for unit_ms, unit in ((DAY_MS, "days"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if span_ms >= unit_ms:
            return f"{span_ms / unit_ms:.1f} {unit}"
    return f"{max(span_ms, 0) / 1000:.1f} s"
