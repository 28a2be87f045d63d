"""`playfold replay`: a file of plays, or an export of another service, to the plays topic."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.column_options import AsJson, ItemColumn, TimeColumn, UserColumn
from cli.commands.replay_import import ImportRun
from cli.commands.replay_plays import PlaysRun, ReplayOptions
from streams.files.formats.rows import ImportOptions
from streams.files.import_source import FORMAT_NAMES, recognise
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.files.replay import Pace
from streams.files.times import LocalTimes
from streams.settings import read_settings

app = typer.Typer(add_completion=False)
FormatName = StrEnum("FormatName", {name: name for name in ("playfold", *FORMAT_NAMES)})  # type: ignore[misc]
OWN_FORMAT = "playfold"


def read_timezone(name: str | None) -> ZoneInfo | None:
    """Return a time zone by its name in the IANA database."""
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name!r} is no time zone of this machine: name one such as Europe/Berlin or UTC."
        raise typer.BadParameter(message, param_hint="--timezone") from None


def _refuse(given: dict[str, object]) -> None:
    """Reject options of exports for a file that is none."""
    for option, value in given.items():
        if value:
            message = f"{option} is for exports of other services, and FILE is none, or has playfold's columns."
            raise typer.BadParameter(message)


@app.command()
def replay_file(
    file: Annotated[Path, typer.Argument(help="A file of plays, or an export: a file, an archive or a folder.")],
    *,
    format_name: Annotated[FormatName | None, typer.Option("--format", help="Default: by the content.")] = None,
    user: Annotated[str | None, typer.Option(help="The listener's id, for an export that names none.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of times without one, such as Europe/Berlin.")] = None,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "played_at",
    ms_played_column: Annotated[str, typer.Option(help="Column of the milliseconds that were played.")] = "ms_played",
    duration_column: Annotated[str, typer.Option(help="Column of the item's length in milliseconds.")] = "duration_ms",
    play_id_column: Annotated[str, typer.Option(help="Column of the client's id of the play.")] = "play_id",
    type_column: Annotated[str, typer.Option(help="Column of the type, such as like or skip; empty: play.")] = "type",
    private_column: Annotated[str, typer.Option(help="Column that is true for private plays.")] = "private",
    with_requests: Annotated[
        bool, typer.Option("--with-requests", help="Send rows of the types pause, forget, ... as user requests.")
    ] = False,
    learn_private: Annotated[
        bool, typer.Option("--learn-private", help="Learn from plays of private sessions, too.")
    ] = False,
    catalog: Annotated[bool, typer.Option(help="Send titles and artists of an export to the catalog.")] = True,
    partial: Annotated[
        bool, typer.Option("--partial", help="Send what stands before the damage in an export.")
    ] = False,
    set_aside: Annotated[
        Path | None,
        typer.Option(help="File of rows that are no plays. With it, rows with wrong values are set aside, too."),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Plays per second; default: full speed.")] = None,
    speed: Annotated[float | None, typer.Option(min=1e-6, help="Multiple of the pace of the plays' own times.")] = None,
    from_row: Annotated[int, typer.Option("--from", min=1, help="First row to send.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of plays to send.")] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the workers' reports on the last plays.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send plays to the plays topic.

    FILE has columns of playfold (CSV, JSON lines, Parquet; also compressed), or is an export of Spotify, Last.fm,
    ListenBrainz, Apple Music or YouTube Music, or a data set: docs/import.md. Its content decides, not its name.

    Times are RFC 3339 or epoch seconds or milliseconds. Ctrl-C stops between two rows and prints the row to continue
    from.
    """
    if rate is not None and speed is not None:
        message = "--rate and --speed both set the pace: give one of them."
        raise typer.BadParameter(message)
    columns = Columns(
        user_id=user_column,
        item_id=item_column,
        played_at=time_column,
        ms_played=ms_played_column,
        duration_ms=duration_column,
        play_id=play_id_column,
        type=type_column,
        private=private_column,
    )
    options = ReplayOptions(
        Pace(rate, speed),
        from_row,
        limit,
        set_aside or Path(f"{file.resolve().name}.set-aside.jsonl"),
        sets_bad_aside=set_aside is not None,
        sends_requests=with_requests,
        as_json=as_json,
        wait_s=wait,
    )
    times, settings = LocalTimes(read_timezone(timezone)), read_settings()
    name = _format_name(file, format_name, columns)
    if name == OWN_FORMAT:
        _refuse({"--user": user, "--no-catalog": not catalog, "--partial": partial})
        plays = PlaysFile(file, columns, Counter(), times if times.zone else None, learn_private)
        PlaysRun(plays, options, settings, times).run()
        return
    if with_requests or columns != Columns():
        message = (
            "--with-requests and the options of columns are for files with playfold's columns, and FILE is an export."
        )
        raise typer.BadParameter(message)
    lacking = ImportOptions(user, times, learns_private=learn_private)
    ImportRun(file, lacking, name, options, settings, describes=catalog, reads_damaged=partial).run()


def _format_name(file: Path, given: StrEnum | None, columns: Columns) -> str | None:
    """Return the name of a file's format; None for an export of a format that its reader recognises."""
    if given is not None:
        return str(given)
    own_columns = {columns.user_id, columns.item_id, columns.played_at}
    return OWN_FORMAT if not file.is_dir() and recognise(file, own_columns) is None else None
