"""`playfold export`: everything that is held of a listener, as one document."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.user_requests import User
from jobs.user_requests.export import holdings
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def export(
    user: User,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the document into this file instead.", dir_okay=False)
    ] = None,
) -> None:
    """Give out all that is held of a listener as JSON, `docs/schemas/export.json`.

    Of a listener of whom nothing is held the document says so.
    """
    found = asyncio.run(holdings(user, read_settings(), time.time_ns() // 1_000_000))
    document = msgspec.json.format(msgspec.json.encode(found))
    if out is None:
        typer.echo(document)
    else:
        out.write_bytes(document + b"\n")
        typer.echo(f"What is held of {user} stands in {out}." if found.anything else f"Nothing is held of {user}.")
