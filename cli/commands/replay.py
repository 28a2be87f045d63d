"""`playfold replay`: a file of plays to the plays topic."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from streams.files.play_columns import PlaysFileError, PlaysPiece
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.files.replay import Pace, Sender, Sent, limit_pieces, replay
from streams.outbox import Outbox
from streams.settings import Settings, read_settings
from streams.topics.admin import verify_topics

INTERRUPTED = 130
app = typer.Typer(add_completion=False)


class Count:
    """The progress of a replay."""

    def __init__(self, first_row: int, progress: Progress, total: int | None) -> None:
        """Start at `first_row`."""
        self.next_row = first_row
        self.n_plays = 0
        self._began = time.monotonic()
        self._progress = progress
        self._task = progress.add_task("plays", total=total)

    def add(self, piece: PlaysPiece, _: list[Sent]) -> None:
        """Count plays that Kafka has acknowledged."""
        self.n_plays += piece.n_plays
        self.next_row = piece.first_row + piece.n_plays
        rate = f"{self.n_plays / self.seconds:,.0f} plays/s"
        self._progress.update(self._task, completed=self.n_plays, description=rate)

    @property
    def seconds(self) -> float:
        """Return the seconds since the beginning."""
        return max(time.monotonic() - self._began, 1e-9)


@app.command()
def replay_file(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines (both also .gz) or Parquet.")],
    *,
    user_column: Annotated[str, typer.Option(help="Column of the user's id.")] = "user_id",
    item_column: Annotated[str, typer.Option(help="Column of the item's id.")] = "item_id",
    time_column: Annotated[str, typer.Option(help="Column of the time of the play.")] = "played_at",
    ms_played_column: Annotated[str, typer.Option(help="Column of the milliseconds that were played.")] = "ms_played",
    duration_column: Annotated[str, typer.Option(help="Column of the item's length in milliseconds.")] = "duration_ms",
    play_id_column: Annotated[str, typer.Option(help="Column of the client's id of the play.")] = "play_id",
    type_column: Annotated[str, typer.Option(help="Column of the type, such as like or skip; empty: play.")] = "type",
    rate: Annotated[float | None, typer.Option(min=0.001, help="Plays per second; default: full speed.")] = None,
    speed: Annotated[float | None, typer.Option(min=1e-6, help="Multiple of the pace of the plays' own times.")] = None,
    from_row: Annotated[int, typer.Option("--from", min=1, help="First row to send.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of plays to send.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Send a file of plays to the plays topic.

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
    )
    settings = read_settings()
    plays = PlaysFile(file, columns)
    left = None if plays.n_plays is None else max(0, plays.n_plays - from_row + 1)
    total = min((n for n in (left, limit) if n is not None), default=None)
    verify_topics(settings)
    pieces = plays.pieces(from_row)
    with progress_bar(quiet=as_json) as progress:
        count = Count(from_row, progress, total)
        try:
            stopped = asyncio.run(
                send_all(limit_pieces(pieces, limit) if limit else pieces, Pace(rate, speed), settings, count)
            )
        except PlaysFileError as error:
            message = f"{error} Every row before {count.next_row} is sent: go on with --from {count.next_row}."
            raise PlaysFileError(message) from None
    print_result(count, stopped=stopped, as_json=as_json)


async def send_all(pieces: Iterator[PlaysPiece], pace: Pace, settings: Settings, count: Count) -> bool:
    """Replay until the end or Ctrl-C; return True after Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Outbox(settings.kafka) as outbox:
        await replay(pieces, Sender(outbox, settings), pace, count.add, stop)
    return stop.is_set()


def print_result(count: Count, *, stopped: bool, as_json: bool) -> None:
    """Print the result of the replay."""
    if as_json:
        answer = {"plays": count.n_plays, "next_row": count.next_row, "seconds": count.seconds, "stopped": stopped}
        typer.echo(msgspec.json.encode(answer))
    elif stopped:
        typer.echo(f"Stopped. Every row before {count.next_row} is acknowledged: go on with --from {count.next_row}.")
    else:
        rate = count.n_plays / count.seconds
        typer.echo(f"Sent {count.n_plays:,} plays in {count.seconds:.1f} s ({rate:,.0f} plays/s), all acknowledged.")
    if stopped:
        raise typer.Exit(INTERRUPTED)


def progress_bar(*, quiet: bool) -> Progress:
    """Return a bar on stderr; stdout has the answer alone."""
    return Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
