"""`playfold state`: move the workers' state to other topics."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.progress_bar import watched
from streams.process.format_text import pluralize
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.topics.from_disk import FromDisk
    from jobs.topics.rebase import Rebased

app = typer.Typer(help="Move the workers' state to other topics.", no_args_is_help=True, add_completion=False)


@app.callback()
def state() -> None:
    """Move the workers' state to other topics."""


@app.command()
def rebase(
    *,
    start: Annotated[
        str | None,
        typer.Option("--from", help="First play to process: `beginning`, `end`, or an RFC 3339 time of arrival."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Begin a new epoch even if the topic looks the same.")] = False,
    from_disk: Annotated[
        bool,
        typer.Option("--from-disk", help="First write the state on this machine to the recreated changelog."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Continue with all histories on a topic of plays that was recreated, restored or mirrored.

    Stop every worker first. Run the command again to finish a killed rebase; otherwise a second run
    changes nothing.
    """
    from jobs.topics.from_disk import write_from_disk
    from jobs.topics.rebase import rebase as move

    settings, begin = read_settings(), parse_start(start)
    with watched(quiet=as_json) as on_progress:
        written = asyncio.run(write_from_disk(settings, on_progress)) if from_disk else None
        rebased = asyncio.run(move(settings, begin, on_progress, force=force))
    if as_json:
        typer.echo(msgspec.json.encode(rebased))
        return
    if written is not None:
        typer.echo(describe_written(written))
    typer.echo(describe_rebased(rebased))


def parse_start(start: str | None) -> str | int | None:
    """Parse the place from which workers go on: a word, or a time as milliseconds since 1970."""
    from jobs.topics.rebase import BEGINNING, END

    if start is None or start in (BEGINNING, END):
        return start
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"{start!r} is neither `beginning` nor `end`, nor a time with a zone such as 2026-11-30T12:00:00Z."
        raise typer.BadParameter(message, param_hint="--from")
    return int(moment.timestamp() * 1000)


def describe_rebased(rebased: "Rebased") -> str:
    """Return the result in a sentence."""
    if not rebased.starts:
        return f"Nothing to move: the state belongs to the topic with id {rebased.plays_id} (epoch {rebased.epoch})."
    places = ", ".join(f"{partition}: {offset:,}" for partition, offset in sorted(rebased.starts.items()))
    return (
        f"The state belongs to the topic with id {rebased.plays_id} now (epoch {rebased.epoch}). "
        f"Workers go on at these offsets (by partition): {places}."
    )


def describe_written(written: "FromDisk") -> str:
    """Return the numbers of written records in a sentence."""
    n_records = sum(written.written.values())
    text = f"{pluralize(n_records, 'record')} of {pluralize(len(written.written), 'partition')} were written."
    if written.taken_back:
        places = ", ".join(f"{partition}: {offset:,}" for partition, offset in sorted(written.taken_back.items()))
        text += f" Workers go on behind the last play on the disk, at these offsets (by partition): {places}."
    if written.missing:
        numbers = ", ".join(map(str, written.missing))
        text += f" This machine has no state of the old changelog for these partitions: {numbers}."
    return text
