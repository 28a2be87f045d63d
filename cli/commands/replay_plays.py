"""Replays a file of plays with playfold's columns. Every replay shares its options, progress and result."""

import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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

from streams.connection.rights import MissingRightError
from streams.files.formats.rows import ImportedPlay
from streams.files.formats.times import LocalTimes
from streams.files.play_columns import LEFT_OUT, PlaysFileError, PlaysPiece
from streams.files.play_order import is_in_order
from streams.files.plays_file import PlaysFile
from streams.files.replay import Pace, Sender, Sent, limit_pieces, replay
from streams.files.row_types import RowTypes
from streams.files.set_aside import SetAside
from streams.files.sorted_plays import SortedPlays
from streams.messages.outcomes import LEARNED
from streams.outbox import Outbox
from streams.readers.outcome_watch import OutcomeWatch, watch_outcomes
from streams.settings import Settings
from streams.topics.admin import verify_topics

INTERRUPTED = 130


class ReplayOptions(NamedTuple):
    """The rows to send, their pace, and the form of the result."""

    pace: Pace
    from_row: int
    limit: int | None
    set_aside: Path
    sets_bad_aside: bool
    """Whether rows with values that do not fit are set aside, too; otherwise the first of them ends the replay."""
    sends_requests: bool
    as_json: bool
    wait_s: float = 10.0
    """Seconds to wait for the reports of workers on the last plays."""


class Count:
    """The progress of a replay.

    Attributes:
        n_plays: Plays that Kafka has acknowledged.
        next_row: The row to continue from.
        watch: Awaits the outcomes of these plays; None before the replay.
    """

    def __init__(self, first_row: int, progress: Progress, total: int | None) -> None:
        """Start at `first_row`."""
        self.next_row = first_row
        self.n_plays = 0
        self._n_rows = 0
        self._began = time.monotonic()
        self._ended: float | None = None
        self.watch: OutcomeWatch | None = None
        self._progress = progress
        self._task = progress.add_task("plays", total=total)

    def add(self, piece: PlaysPiece, sent: list[Sent]) -> None:
        """Count plays that Kafka has acknowledged, and expect a report on each."""
        if self.watch is not None:
            for part in sent:
                self.watch.expect(part.partition, part.written.first, part.written.last)
        self.n_plays += sum(len(part.rows) for part in sent)
        self._n_rows += piece.n_plays
        self.next_row = piece.first_row + piece.n_plays
        rate = f"{self.n_plays / self.seconds:,.0f} plays/s"
        self._progress.update(self._task, completed=self._n_rows, description=rate)

    @property
    def seconds(self) -> float:
        """Return the seconds from the beginning until the last acknowledgement, or until now."""
        return max((self._ended or time.monotonic()) - self._began, 1e-9)

    def end(self) -> None:
        """Stop the clock: every play is acknowledged."""
        self._ended = time.monotonic()

    @property
    def has_ended(self) -> bool:
        """Return whether every play is acknowledged."""
        return self._ended is not None

    @property
    def outcomes(self) -> Counter[str]:
        """Return the plays by their outcome."""
        return self.watch.counts if self.watch else Counter()

    @property
    def n_unreported(self) -> int:
        """Return the number of plays that no worker has reported on."""
        return self.watch.n_awaited if self.watch else 0


class PlaysRun:
    """One replay of a file with playfold's columns."""

    def __init__(self, plays: PlaysFile, options: ReplayOptions, settings: Settings, times: LocalTimes) -> None:
        """Read nothing yet."""
        self._plays, self._options, self._settings, self._times = plays, options, settings, times

    def run(self) -> None:
        """Send the file, and print the result.

        Raises:
            PlaysFileError: The file cannot be read; the message names the row to continue from.
            ReplayError: So did Kafka not acknowledge.
        """
        n_plays = self._plays.n_plays
        verify_topics(self._settings)
        with SetAside(self._options.set_aside, appends=self._options.from_row > 1) as aside:
            on_bad = partial(aside.add, str(self._plays.path)) if self._options.sets_bad_aside else None
            if self._is_in_order():
                self._send(self._plays.pieces(self._options.from_row, on_bad), n_plays, aside)
                return
            note(
                f"{self._plays.path} is not in the order of its times: its plays are sorted first, "
                "and --from counts them in that order."
            )
            with tempfile.TemporaryDirectory() as folder:
                plays = SortedPlays(Path(folder), derives_ids=False)
                try:
                    for piece in self._plays.pieces(1, on_bad):
                        _add(plays, piece)
                except PlaysFileError as error:
                    message = f"{error} Nothing is sent."
                    raise PlaysFileError(message) from None
                pieces = (piece for piece, _ in plays.pieces(self._options.from_row))
                self._send(pieces, plays.n_plays, aside)

    def _is_in_order(self) -> bool:
        with progress_bar(quiet=self._options.as_json) as progress:
            task = progress.add_task("looking at the order", total=None)
            passes_bad = self._options.sets_bad_aside
            in_order = is_in_order(
                self._plays, lambda n_rows: progress.update(task, completed=n_rows), passes_bad=passes_bad
            )
        # The same times are read again.
        self._times.n_ambiguous = self._times.n_missing = 0
        return in_order

    def _send(self, pieces: Iterator[PlaysPiece], n_plays: int | None, aside: SetAside) -> None:
        options, path = self._options, str(self._plays.path)
        types = RowTypes(
            self._settings.signals.weights,
            lambda row, reason, content: aside.add(path, row, reason, content),
            sends_requests=options.sends_requests,
        )
        with progress_bar(quiet=options.as_json) as progress:
            count = Count(options.from_row, progress, total_of(n_plays, options))
            try:
                stopped = asyncio.run(send_all(pieces, types, options, self._settings, count))
            except PlaysFileError as error:
                message = f"{error} Every row before {count.next_row} is sent: go on with --from {count.next_row}."
                raise PlaysFileError(message) from None
        n_odd = sum((self._plays.odd_lengths or {}).values())
        figures = {
            "odd_lengths": n_odd,
            "ambiguous_times": self._times.n_ambiguous,
            "missing_times": self._times.n_missing,
        }
        sentence = describe_figures(figures, OWN_FIGURES)
        print_result(count, aside, figures, sentence, stopped=stopped, as_json=options.as_json)


def _add(plays: SortedPlays, piece: PlaysPiece) -> None:
    for user_id, item_id, at_ms, ms_played, duration_ms, play_id, kind in zip(*piece[1:], strict=True):
        if kind == LEFT_OUT:
            continue
        play = ImportedPlay(item_id, at_ms, user_id, ms_played, duration_ms, kind)
        plays.add(play, play_id)


def total_of(n_plays: int | None, options: ReplayOptions) -> int | None:
    """Return the number of rows that are to be sent, None if it is unknown."""
    left = None if n_plays is None else max(0, n_plays - options.from_row + 1)
    return min((n for n in (left, options.limit) if n is not None), default=None)


async def send_all(
    pieces: Iterator[PlaysPiece],
    types: RowTypes,
    options: ReplayOptions,
    settings: Settings,
    count: Count,
) -> bool:
    """Replay until the end or Ctrl-C; return True after Ctrl-C."""
    async with Outbox(settings.kafka) as outbox:
        return await send_with(Sender(outbox, settings, types.record), pieces, options, count, settings)


async def send_with(
    sender: Sender, pieces: Iterator[PlaysPiece], options: ReplayOptions, count: Count, settings: Settings
) -> bool:
    """Replay with a sender until the end or Ctrl-C, then wait for the reports of workers; return True after Ctrl-C.

    A right to read reports that is missing once all plays are sent is noted.
    """
    stop, was_stopped = asyncio.Event(), False
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pieces = limit_pieces(pieces, options.limit) if options.limit else pieces
    try:
        async with watch_outcomes(settings) as watch:
            count.watch = watch
            await replay(pieces, sender, options.pace, count.add, stop)
            count.end()
            was_stopped = stop.is_set()
            stop.clear()
            await _end_early(watch.wait(options.wait_s), stop)
    except MissingRightError as error:
        if not count.has_ended:
            raise
        note(f"The plays are sent, but the outcomes of some are not known. {error}")
    return was_stopped


async def _end_early(wait: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Wait until something ends, or Ctrl-C."""
    waiting, stopping = asyncio.create_task(wait), asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, stopping):
        task.cancel()
    await asyncio.gather(waiting, stopping, return_exceptions=True)
    if not waiting.cancelled():
        waiting.result()


def print_result(
    count: Count, aside: SetAside, figures: dict[str, Any], sentence: str, *, stopped: bool, as_json: bool
) -> None:
    """Print the result of the replay, with further figures and sentences about it."""
    if as_json:
        answer = {"plays": count.n_plays, "next_row": count.next_row, "seconds": count.seconds, "stopped": stopped}
        effects = {"outcomes": dict(count.outcomes), "unreported": count.n_unreported}
        typer.echo(msgspec.json.encode(answer | {"set_aside": dict(aside.counts)} | figures | effects))
    else:
        if stopped:
            first = f"Stopped. Every row before {count.next_row} is acknowledged: go on with --from {count.next_row}."
        else:
            rate = count.n_plays / count.seconds
            first = f"Sent {count.n_plays:,} plays in {count.seconds:.1f} s ({rate:,.0f} plays/s), all acknowledged."
        effect = describe_outcomes(count.outcomes, count.n_unreported) if count.n_plays else ""
        typer.echo(" ".join(part for part in (first, sentence, aside.describe(), effect) if part))
    if stopped:
        raise typer.Exit(INTERRUPTED)


def describe_outcomes(outcomes: Counter[str], n_unreported: int) -> str:
    """Return the outcomes of plays in a sentence.

    >>> describe_outcomes(Counter(learnt=5, capped=2), 0)
    'Of the plays sent, workers have learnt 5; not learnt: 2 capped.'
    """
    if not outcomes:
        return "No worker has reported on them yet: `playfold pulse` shows the workers."
    n_learnt = sum(outcomes[name] for name in LEARNED)
    others = [f"{n:,} {name}" for name, n in outcomes.most_common() if name not in LEARNED]
    parts = [f"Of the plays sent, workers have learnt {n_learnt:,}"]
    parts += [f"not learnt: {', '.join(others)}"] if others else []
    parts += [f"{n_unreported:,} wait"] if n_unreported else []
    return f"{'; '.join(parts)}."


TIME_FIGURES = {
    "ambiguous_times": "Times in an hour that occurs twice, taken as the first: {:,}.",
    "missing_times": "Times in an hour that does not exist, moved on by the gap: {:,}.",
}
OWN_FIGURES = {"odd_lengths": "Lengths below 0 or above a day, counted as missing: {:,}."} | TIME_FIGURES


def describe_figures(figures: dict[str, Any], sentences: dict[str, str]) -> str:
    """Return a sentence for each figure; figures of nothing are left out."""
    return " ".join(text.format(figures[name]) for name, text in sentences.items() if figures[name])


def note(sentence: str) -> None:
    """Print a sentence on stderr; stdout has the answer alone."""
    sys.stderr.write(f"{sentence}\n")


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
