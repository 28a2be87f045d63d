"""`playfold recommend`: the current list of a listener, or a list for some items."""

import asyncio
import time
from collections.abc import Mapping
from itertools import chain
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.tables.items import scores_of, table_of_items
from streams.messages.records import ALL_KINDS, Recommendations
from streams.process.format_text import format_duration
from streams.settings import Settings, read_settings

KINDS = {
    "personal": "their own list",
    "blended": "their own list, blended with the popular one, because their history is short",
    "popular": "the popular list, because they have no usable history",
}
app = typer.Typer(add_completion=False)


class NoListError(LookupError):
    """There is no list to print. Check that a generation was announced, and that a worker runs."""


@app.command()
def recommend(
    user: Annotated[str | None, typer.Argument(help="The listener's id; or give --items.")] = None,
    *,
    items: Annotated[
        str | None,
        typer.Option(
            help="Ids of items, separated by commas: print a list for a listener who has played these. It needs only "
            "the latest generation in the store, no Kafka, and stores nothing."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print the current list of a listener, or the popular list if they have none."""
    from streams.readers.catalog_item import titles_of

    if (user is None) == (items is None):
        message = "Give either a listener or --items."
        raise typer.BadParameter(message)
    if items is not None:
        from cli.commands.recommend_items import print_session_list

        print_session_list([item for item in items.split(",") if item], read_settings(), as_json=as_json)
    elif user is not None:
        recommendations = asyncio.run(_list_of(user, read_settings()))
        if as_json:
            typer.echo(msgspec.json.encode(recommendations))
        else:
            typer.echo(head(recommendations, time.time_ns() // 1_000_000))
            named = [*recommendations.items, *chain.from_iterable(recommendations.because)]
            Console().print(show_list(recommendations, asyncio.run(titles_of(named, read_settings()))))
            if more := more_reasons(recommendations):
                typer.echo(more)


async def _list_of(user: str, settings: Settings) -> Recommendations:
    """Return a listener's list, or the popular one as theirs."""
    from cli.damage_note import noted_damage
    from streams.readers.latest_list import latest_list
    from streams.readers.latest_popular import as_list_of, latest_popular

    with noted_damage(f"A later list of {user!r}") as damaged:
        recommendations = await latest_list(user, settings, damaged.skip)
    if recommendations is not None:
        return recommendations
    with noted_damage("A later popular list") as damaged:
        popular = await latest_popular(ALL_KINDS, settings, damaged.skip)
    if popular is None:
        message = f"There is no list for {user!r} and no popular list: no worker has served a generation yet."
        raise NoListError(message)
    return as_list_of(user, popular, settings)


def show_list(recommendations: Recommendations, titles: Mapping[str, str]) -> Table:
    """Return a list as a table, best first, with the first reason of each item that the list explains."""
    reasons = first_reasons(recommendations, titles)
    return table_of_items(recommendations.items, titles, "score", scores_of(recommendations.scores), reasons)


def first_reasons(recommendations: Recommendations, titles: Mapping[str, str]) -> list[str]:
    """Return the play that adds most to each explained item's score, with its share; empty if no play adds."""
    parts = zip(recommendations.scores, recommendations.because, recommendations.because_scores, strict=False)
    return [
        _first_reason(score, [titles.get(name, name) for name in played], shares) for score, played, shares in parts
    ]


def more_reasons(recommendations: Recommendations) -> str:
    """Return how to get the reasons that a list leaves out; empty if it leaves out none."""
    n = len(recommendations.because)
    if not 0 < n < len(recommendations.items):
        return ""
    first = "item" if n == 1 else f"{n} items"
    return f"The list explains its first {first}. `playfold explain {recommendations.user_id} ITEM` explains any other."


def _first_reason(score: float, played: list[str], shares: list[float]) -> str:
    for name, share in zip(played, shares, strict=True):
        if share > 0:
            return f"{name} ({share / score:.0%})" if score > 0 else name
    return ""


def head(recommendations: Recommendations, now_ms: int) -> str:
    """Return the kind, the source and the age of a list."""
    kind = KINDS[recommendations.kind]
    reflects = (
        f"offset {recommendations.offset} of partition {recommendations.partition}"
        if recommendations.offset >= 0
        else "no play yet"
    )
    expired = recommendations.expires_at_ms <= now_ms
    until = (
        f"expired {format_duration(now_ms - recommendations.expires_at_ms)} ago"
        if expired
        else (f"expires in {format_duration(recommendations.expires_at_ms - now_ms)}")
    )
    return (
        f"{recommendations.user_id}: {kind}\n"
        f"generation {recommendations.generation}, revision {recommendations.revision}; reflects {reflects}\n"
        f"made {format_duration(now_ms - recommendations.made_at_ms)} ago, {until}"
    )
