"""`playfold forget`: everything goes that is known of a listener."""

import asyncio
from typing import Annotated

import msgspec
import typer

from jobs.forget import Receipt, Trace, look_for
from jobs.forget import forget as send_wish
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def forget(
    user: Annotated[str, typer.Argument(help="The listener's id.")],
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Send nothing; read every topic for what is left of them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON, one line a receipt or a topic.")] = False,
) -> None:
    """Have a listener's history, vector, list and remembered ids removed, and print where that stands.

    The next generation is free of them; it trains on what is kept. With --verify it ends with status 1 if anything
    stands.
    """
    if not verify:
        receipt = asyncio.run(send_wish(user, read_settings()))
        typer.echo(msgspec.json.encode(receipt) if as_json else told(receipt))
        return
    traces = asyncio.run(look_for(user, read_settings()))
    for trace in traces:
        typer.echo(msgspec.json.encode(trace) if as_json else told_trace(trace))
    if any(trace.stands for trace in traces):
        raise typer.Exit(1)


def told(receipt: Receipt) -> str:
    """Return a receipt in sentences."""
    return (
        f"{receipt.user_id} is forgotten, in partition {receipt.partition}: the wish stands at offset "
        f"{receipt.plays_offset} of plays, the empty record at {receipt.changelog_offset} of the users changelog, "
        f"the tombstone at {receipt.recommendations_offset} of recommendations."
    )


def told_trace(trace: Trace) -> str:
    """Return what a topic holds as a sentence."""
    older = f"{trace.older:,} older records go with compaction or retention" if trace.older else "no older record"
    return f"{trace.topic}: {'something of them stands' if trace.stands else 'nothing of them stands'}; {older}."
