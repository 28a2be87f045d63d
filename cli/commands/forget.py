"""`playfold forget`: delete all data about a listener."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.user_requests import AsJson, User, send_request
from streams.messages.events import Forget
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.user_requests.verify_erasure import Remnant

app = typer.Typer(add_completion=False)


@app.command()
def forget(
    user: User,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Send no request; search every topic and store for remnants.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a listener's history, vector, list and remembered ids, and print the offsets of the result.

    The next generation is trained without them. With --verify, the exit status is 1 if a remnant is found or a place
    cannot be read, and --json prints one line per topic or folder.
    """
    from jobs.user_requests.verify_erasure import find_remnants

    if not verify:
        send_request(Forget(user_id=user), as_json=as_json)
        return
    remnants = asyncio.run(find_remnants(user, read_settings()))
    for remnant in remnants:
        typer.echo(msgspec.json.encode(remnant) if as_json else describe_remnant(remnant))
    if any(remnant.stands or remnant.unread for remnant in remnants):
        raise typer.Exit(1)


def describe_remnant(remnant: "Remnant") -> str:
    """Return the remnants in a topic or a folder in a sentence."""
    if remnant.unread:
        return f"{remnant.place}: not searched. {remnant.unread}"
    current = "a current record" if remnant.stands else "no current record"
    if not remnant.older:
        return f"{remnant.place}: {current}, no older record."
    records = "1 older record" if remnant.older == 1 else f"{remnant.older:,} older records"
    return (
        f"{remnant.place}: {current}, {records} until compaction, retention or a worker that catches up removes them."
    )
