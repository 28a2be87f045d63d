"""`playfold export`: all data about a listener, as one document."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.user_requests import User
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def export(
    user: User,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the document to this file instead.", dir_okay=False)
    ] = None,
) -> None:
    """Print all data about a listener as JSON, `docs/schemas/export.json`.

    Without any data, the field `anything` of the document is false.
    """
    from jobs.user_requests.export import export_user

    exported = asyncio.run(export_user(user, read_settings(), time.time_ns() // 1_000_000))
    document = msgspec.json.format(msgspec.json.encode(exported))
    if out is None:
        typer.echo(document)
    else:
        out.write_bytes(document + b"\n")
        typer.echo(f"All data about {user} is in {out}." if exported.anything else f"There is no data about {user}.")
