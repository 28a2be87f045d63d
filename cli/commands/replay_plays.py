"""Replays a file of plays with playfold's columns. Every replay shares its options and its sending."""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cli.commands.replay_result import (
    ODD_LENGTHS,
    TIME_FIGURES,
    Count,
    describe_figures,
    note,
    print_result,
    progress_bar,
)
from streams.connection.rights import MissingRightError
from streams.files.errors import PlaysFileError
from streams.files.formats.rows import PRIVATE, ImportedPlay
from streams.files.play_columns import LENGTHS, RULES
from streams.files.play_order import is_in_order
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.files.replay import Pace, Sender, limit_pieces, replay
from streams.files.row_types import RowTypes
from streams.files.set_aside import HeldRows, SetAside
from streams.files.sorted_plays import SortedPlays
from streams.files.times import LocalTimes
from streams.outbox import Outbox
from streams.readers.outcome_watch import watch_outcomes
from streams.settings import Settings
from streams.topics.admin import verify_topics

BAD_TIME = f"rows whose played_at {RULES['played_at'].mismatch}"
WITHOUT_ZONE = "A time without a zone needs --timezone, such as --timezone Europe/Berlin."
OWN_FIGURES = ODD_LENGTHS | {"odd_play_ids": "Ids of plays that are none, left out: {:,}."} | TIME_FIGURES


class ReplayOptions(NamedTuple):
    """The rows to send, their pace, and the form of the result."""

    pace: Pace
    from_row: int
    limit: int | None
    set_aside: Path
    sends_requests: bool
    as_json: bool
    wait_s: float = 10.0
    """Seconds to wait for the reports of workers on the last plays."""


class PlaysRun:
    """One replay of a file with playfold's columns."""

    def __init__(self, plays: PlaysFile, options: ReplayOptions, settings: Settings, times: LocalTimes) -> None:
        """Read nothing yet."""
        self._plays = plays._replace(sends_requests=options.sends_requests)
        self._options, self._settings, self._times = options, settings, times
        self._types = RowTypes(settings.signals.weights, sends_requests=options.sends_requests)

    def run(self) -> None:
        """Send the file, and print the result.

        Raises:
            PlaysFileError: The file cannot be read; the message names the row to continue from.
            ReplayError: Kafka did not acknowledge; the message names the row to continue from.
        """
        n_plays = self._plays.n_plays
        verify_topics(self._settings)
        from_row = self._options.from_row
        in_order = self._is_in_order()
        # A sorted file is read from its first row in every run, and so are the rows to set aside.
        with SetAside(self._options.set_aside, appends=in_order and from_row > 1) as aside:
            held = HeldRows(aside, str(self._plays.path))
            if in_order:
                self._send(self._read(held, from_row), n_plays, aside, held.settle)
                return
            note(
                f"{self._plays.path} is not in the order of its times: its plays are sorted first, "
                "and --from counts them in that order."
            )
            with tempfile.TemporaryDirectory() as folder:
                plays = self._sort(held, Path(folder))
                self._send((piece for piece, _ in plays.pieces(from_row)), plays.n_plays, aside)

    def _read(self, held: HeldRows, from_row: int = 1) -> Iterator[PlaysPiece]:
        """Yield the plays from a row on; the rows that are not sent are held."""
        pieces = self._plays.pieces(from_row, held.add, lambda row: held.add(row, PRIVATE))
        return held.of(self._types.leave_out(pieces, held.add))

    def _sort(self, held: HeldRows, folder: Path) -> SortedPlays:
        plays = SortedPlays(folder, derives_ids=False)
        try:
            for piece in self._read(held):
                _add(plays, piece)
                held.settle(piece.first_row + piece.n_plays)
        except PlaysFileError as error:
            message = f"{error} Nothing is sent."
            raise PlaysFileError(message) from None
        return plays

    def _is_in_order(self) -> bool:
        with progress_bar(quiet=self._options.as_json) as progress:
            task = progress.add_task("looking at the order", total=None)
            in_order = is_in_order(self._plays, lambda n_rows: progress.update(task, completed=n_rows))
        # The same times are read again.
        self._times.n_ambiguous = self._times.n_missing = 0
        return in_order

    def _send(
        self,
        pieces: Iterator[PlaysPiece],
        n_plays: int | None,
        aside: SetAside,
        settle: Callable[[int], None] = lambda _: None,
    ) -> None:
        options = self._options
        with progress_bar(quiet=options.as_json) as progress:
            count = Count(options.from_row, progress, total_of(n_plays, options), settle)
            try:
                stopped = asyncio.run(send_all(pieces, self._types, options, self._settings, count))
            except PlaysFileError as error:
                message = f"{error} {_describe_reached(options.from_row, count.next_row)}"
                raise PlaysFileError(message) from None
        odd = self._plays.odd_hints or Counter()
        figures = {
            "odd_lengths": sum(odd[name] for name in LENGTHS),
            "odd_play_ids": odd["play_id"],
            "ambiguous_times": self._times.n_ambiguous,
            "missing_times": self._times.n_missing,
        }
        sentence = describe_figures(figures, OWN_FIGURES)
        if self._times.zone is None and BAD_TIME in aside.counts:
            sentence = f"{sentence} {WITHOUT_ZONE}".strip()
        print_result(count, aside, figures, sentence, stopped=stopped, as_json=options.as_json)
        if not count.n_plays and aside.counts.keys() - {PRIVATE}:
            message = f"{self._plays.path} has no play that can be sent."
            raise PlaysFileError(message)


def _describe_reached(from_row: int, next_row: int) -> str:
    """Return a sentence about the rows that are sent when reading ends early."""
    if next_row == from_row:
        return "Nothing is sent."
    return f"Every row before {next_row} is sent: go on with --from {next_row} afterwards."


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
