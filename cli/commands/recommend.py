"""`playfold recommend`: a listener's list, as it stands on the topic; or what goes with some items."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from state.generations.open_store import open_latest
from state.lists.build import exact_builder
from state.lists.context import ListContext
from state.lists.session_list import SessionList, session_list
from streams.messages.records import ALL_KINDS, Recommendations
from streams.process.format_text import format_duration
from streams.readers.catalog_item import titles_of
from streams.readers.latest_list import latest_list
from streams.readers.latest_popular import as_list_of, latest_popular
from streams.settings import Settings, read_settings

KINDS = {
    "personal": "their own list",
    "blended": "their own list, blended with the popular one, since little is known of them",
    "popular": "the popular list, since nothing usable is known of them",
}
app = typer.Typer(add_completion=False)


class NoListError(LookupError):
    """There is nothing to recommend. See that a generation was made, and that a worker runs."""


@app.command()
def recommend(
    user: Annotated[str | None, typer.Argument(help="The listener's id; or give --items.")] = None,
    *,
    items: Annotated[
        str | None,
        typer.Option(
            help="Ids of items, separated by commas: the list of somebody who has played these, by the latest "
            "generation in the store. Nobody is asked, Kafka neither, and nothing is kept."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Show a listener's list, the one that reflects most of their plays; the popular list to one who has none."""
    if (user is None) == (items is None):
        message = "Name a listener, or give --items: one of the two."
        raise typer.BadParameter(message)
    if items is not None:
        _show_anonymous([item for item in items.split(",") if item], read_settings(), as_json=as_json)
    elif user is not None:
        found = asyncio.run(_list_of(user, read_settings()))
        if as_json:
            typer.echo(msgspec.json.encode(found))
        else:
            typer.echo(head(found, time.time_ns() // 1_000_000))
            named = [*found.items, *chain.from_iterable(found.because)]
            Console().print(show_list(found, asyncio.run(titles_of(named, read_settings()))))


async def _list_of(user: str, settings: Settings) -> Recommendations:
    """Return a listener's list, or the popular one as theirs."""
    found = await latest_list(user, settings)
    if found is not None:
        return found
    popular = await latest_popular(ALL_KINDS, settings)
    if popular is None:
        message = f"There is no list for {user!r}, nor a popular one: no worker has served a generation yet."
        raise NoListError(message)
    return as_list_of(user, popular, settings)


def _show_anonymous(items: list[str], settings: Settings, *, as_json: bool) -> None:
    """Show what goes with some items."""
    generation = open_latest(settings)
    found = session_list(exact_builder(settings), ListContext(generation, now_ms=0), items)
    if as_json:
        typer.echo(msgspec.json.encode({"generation": generation.id, **found._asdict()}))
        return
    unknown = f"; unknown to it: {', '.join(found.unknown)}" if found.unknown else ""
    kind = "the popular list, since none of the items is known" if found.kind == "popular" else "what goes with these"
    typer.echo(f"{kind}, by generation {generation.id}{unknown}")
    Console().print(show_list(found, {}))  # titles stand in Kafka


def show_list(found: Recommendations | SessionList, titles: Mapping[str, str]) -> Table:
    """Return a list as a table, best first, with the first reason of each item where it is explained."""
    reasons = first_reasons(found, titles) if isinstance(found, Recommendations) else []
    return table_of_items(found.items, titles, "score", [f"{score:.4g}" for score in found.scores], reasons)


def table_of_items(
    items: Sequence[str], titles: Mapping[str, str], figure: str, told: Sequence[str], reasons: Sequence[str] = ()
) -> Table:
    """Return items as a table in their order, each with a figure, and with title and reason where any has one."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    if titles:
        table.add_column("title")
    table.add_column(figure, justify="right")
    if reasons:
        table.add_column("because of")
    for i, (item, figure_told) in enumerate(zip(items, told, strict=True)):
        title = [titles.get(item, "")] if titles else []
        table.add_row(str(i + 1), item, *title, figure_told, *reasons[i : i + 1])
    return table


def first_reasons(found: Recommendations, titles: Mapping[str, str]) -> list[str]:
    """Return the play that adds most to each item's score, and how much of it that is; nothing where none adds."""
    parts = zip(found.scores, found.because, found.because_scores, strict=bool(found.because))
    return [
        _first_reason(score, [titles.get(name, name) for name in played], shares) for score, played, shares in parts
    ]


def _first_reason(score: float, played: list[str], shares: list[float]) -> str:
    for name, share in zip(played, shares, strict=True):
        if share > 0:
            return f"{name} ({share / score:.0%})" if score > 0 else name
    return ""


def head(found: Recommendations, now_ms: int) -> str:
    """Return what a list is: its kind, where it comes from, how old it is."""
    kind = KINDS[found.kind]
    reflects = f"offset {found.offset} of partition {found.partition}" if found.offset >= 0 else "no play yet"
    expired = found.expires_at_ms <= now_ms
    until = (
        f"expired {format_duration(now_ms - found.expires_at_ms)} ago"
        if expired
        else (f"expires in {format_duration(found.expires_at_ms - now_ms)}")
    )
    return (
        f"{found.user_id}: {kind}\n"
        f"generation {found.generation}, revision {found.revision}; reflects {reflects}\n"
        f"made {format_duration(now_ms - found.made_at_ms)} ago, {until}"
    )
