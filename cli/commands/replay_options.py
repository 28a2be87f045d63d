"""The options of `playfold replay`, in groups."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.commands.replay_plays import ReplayOptions
from streams.files.conversions import ID_LENGTH_MAX
from streams.files.formats.rows import is_id
from streams.files.import_source import FORMAT_NAMES
from streams.files.replay import Pace
from streams.files.times import LocalTimes
from streams.process.format_text import printable

OWN_FORMAT = "playfold"
FormatName = StrEnum("FormatName", {name: name for name in (OWN_FORMAT, *FORMAT_NAMES)})  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options about an export of another service."""

    format_name: Annotated[
        FormatName | None, typer.Option("--format", help="Format of the file; default: by its content.")
    ] = None
    user: Annotated[str | None, typer.Option(help="Id of the listener, for an export without one.")] = None
    timezone: Annotated[str | None, typer.Option(help="Time zone of local times, such as Europe/Berlin.")] = None
    catalog: Annotated[bool, typer.Option(help="Send titles and artists of an export to the catalog.")] = True
    partial: Annotated[bool, typer.Option("--partial", help="Send the rows before the damage in a damaged export.")] = (
        False
    )

    def times(self) -> LocalTimes:
        """Return the reader of local times."""
        return LocalTimes(_read_timezone(self.timezone))

    def check_user(self) -> None:
        """Check that the id of the listener is one: workers reject every play under another id."""
        if self.user is not None and not is_id(self.user):
            message = f"{printable(self.user, 40)!r} is no id of 1 to {ID_LENGTH_MAX} printable characters."
            raise typer.BadParameter(message, param_hint="--user")

    def reject_for_own_format(self) -> None:
        """Reject options of exports for a file with playfold's columns."""
        given = {"--user": self.user, "--no-catalog": not self.catalog, "--partial": self.partial}
        for option, value in given.items():
            if value:
                message = f"{option} is for exports of other services, and FILE is none, or has playfold's columns."
                raise typer.BadParameter(message)


@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """Options about the rows to send, and about those that are set aside."""

    with_requests: Annotated[
        bool, typer.Option("--with-requests", help="Send rows of the types pause, forget, ... as user requests.")
    ] = False
    learn_private: Annotated[
        bool, typer.Option("--learn-private", help="Learn from plays of private sessions, too.")
    ] = False
    set_aside: Annotated[
        Path | None,
        typer.Option(help="File for rows that are not sent, with their reasons; default: FILE.set-aside.jsonl."),
    ] = None
    from_row: Annotated[int, typer.Option("--from", min=1, help="First row to send.")] = 1
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of plays to send.")] = None


@dataclass(frozen=True, kw_only=True)
class PaceOptions:
    """Options about the pace, and the wait after the last play."""

    rate: Annotated[float | None, typer.Option(min=0.001, help="Plays per second; default: full speed.")] = None
    speed: Annotated[float | None, typer.Option(min=1e-6, help="Multiple of the original speed, such as 60.")] = None
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the workers' reports on the last plays.")
    ] = 10.0

    def pace(self) -> Pace:
        """Return the pace."""
        if self.rate is not None and self.speed is not None:
            message = "--rate and --speed both set the pace: give one of them."
            raise typer.BadParameter(message)
        return Pace(self.rate, self.speed)


def replay_options(file: Path, rows: RowOptions, pace: PaceOptions, *, as_json: bool) -> ReplayOptions:
    """Return the options that a replay of any file has."""
    return ReplayOptions(
        pace.pace(),
        rows.from_row,
        rows.limit,
        rows.set_aside or Path(f"{file.resolve().name}.set-aside.jsonl"),
        sends_requests=rows.with_requests,
        as_json=as_json,
        wait_s=pace.wait,
    )


def _read_timezone(name: str | None) -> ZoneInfo | None:
    """Return a time zone by its name in the IANA database."""
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name!r} is no time zone of this machine: name one such as Europe/Berlin or UTC."
        raise typer.BadParameter(message, param_hint="--timezone") from None
