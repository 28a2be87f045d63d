"""`playfold recommend`: a listener's list, as it stands on the topic."""

import asyncio
import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

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
    found = asyncio.run(latest_list(user, read_settings()))
    if found is None:
        message = (
            f"There is no list for {user!r}: either they played nothing yet, or no worker served a generation since."
        )
        raise NoListError(message)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        typer.echo(head(found, time.time_ns() // 1_000_000))
        Console().print(show_list(found))


def show_list(found: Recommendations) -> Table:
    """Return a list as a table, best first."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("score", justify="right")
    for rank, (item, score) in enumerate(zip(found.items, found.scores, strict=True), 1):
        table.add_row(str(rank), item, f"{score:.4g}")
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
