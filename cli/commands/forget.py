"""`playfold forget`: everything goes that is known of a listener."""

import asyncio
from typing import Annotated

import msgspec
import typer

from cli.user_requests import AsJson, User, wish_for
from jobs.user_requests.verify_erasure import Trace, look_for
from streams.messages.events import Forget
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def forget(
    user: User,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Send nothing; read every topic and store for what is left of them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have a listener's history, vector, list and remembered ids removed, and print where that stands.

    The next generation is free of them; it trains on what is kept. With --verify it ends with status 1 if anything
    stands, or could not be read; with --json it gives a line a topic or folder then.
    """
    if not verify:
        wish_for(Forget(user_id=user), as_json=as_json)
        return
    traces = asyncio.run(look_for(user, read_settings()))
    for trace in traces:
        typer.echo(msgspec.json.encode(trace) if as_json else told_trace(trace))
    if any(trace.stands or trace.unread for trace in traces):
        raise typer.Exit(1)


def told_trace(trace: Trace) -> str:
    """Return what a topic or a folder holds as a sentence."""
    if trace.unread:
        return f"{trace.place}: it is not known what stands there. {trace.unread}"
    records = "1 older record goes" if trace.older == 1 else f"{trace.older:,} older records go"
    older = f"{records} with compaction, retention or a worker's catching up" if trace.older else "no older record"
    return f"{trace.place}: {'something of them stands' if trace.stands else 'nothing of them stands'}; {older}."
