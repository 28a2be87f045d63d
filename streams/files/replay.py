"""Sends a file of plays to the plays topic, at a pace or flat out; a play counts once Kafka acknowledged it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import NamedTuple

from streams.event_time import counted_at_ms
from streams.files.plays_piece import PlaysPiece
from streams.files.row_types import RowTypes
from streams.outbox import Item, Outbox, UnacknowledgedError, Written
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names

RecordOf = Callable[[PlaysPiece, int], bytes | None]
"""Makes the record of a row of a piece; None for a row that is not sent."""


class ReplayError(ConnectionError):
    """Plays could not be sent. Continue from the row in the message when Kafka is back."""


class Sent(NamedTuple):
    """Plays that were sent to one partition."""

    partition: int
    rows: list[int]
    """Their rows in the piece, counted from 0, ascending."""
    written: Written


class Pace(NamedTuple):
    """The rate of a replay: plays per second, a multiple of the original speed, or flat out."""

    plays_per_s: float | None = None
    speed: float | None = None

    def due_s(self, number: int, after_first_ms: int) -> float:
        """Return the seconds between the sending of the first play and of this one.

        Args:
            number: The number of the play in the replay, counted from 0.
            after_first_ms: Milliseconds of event time between the first play and this one.
        """
        if self.plays_per_s is not None:
            return number / self.plays_per_s
        return after_first_ms / 1000 / self.speed if self.speed is not None else 0.0


class Sender:
    """Sends pieces to the plays topic and waits for their acknowledgement."""

    def __init__(self, outbox: Outbox, settings: Settings, record_of: RecordOf | None = None) -> None:
        """Use a started outbox; without `record_of`, every row is a signal of its type."""
        self._outbox, self._settings, self._record_of = outbox, settings, record_of or RowTypes().record
        self._topic = topic_names(settings).plays

    async def send(self, piece: PlaysPiece) -> list[Sent]:
        """Send plays, keyed by user; the plays of one user stay in order. Rows without a record are left out.

        Raises:
            ReplayError: Kafka did not acknowledge in time. Some plays of the piece may have arrived.
        """
        rows, items = self._by_partition(piece)
        try:
            pending = {
                partition: await self._outbox.send(self._topic, partition, items[partition]) for partition in items
            }
            return [Sent(partition, rows[partition], await sent.written()) for partition, sent in pending.items()]
        except UnacknowledgedError as error:
            message = f"{error} Go on with --from {piece.first_row} when it answers."
            raise ReplayError(message) from error

    def _by_partition(self, piece: PlaysPiece) -> tuple[dict[int, list[int]], dict[int, list[Item]]]:
        n_partitions = self._settings.topics.partitions
        rows: dict[int, list[int]] = {}
        items: dict[int, list[Item]] = {}
        for row, user_id in enumerate(piece.user_ids):
            value = self._record_of(piece, row)
            if value is None:
                continue
            partition = partition_of(user_id, n_partitions)
            rows.setdefault(partition, []).append(row)
            items.setdefault(partition, []).append((user_id.encode(), value))
        return rows, items


async def replay(
    pieces: Iterator[PlaysPiece],
    sender: Sender,
    pace: Pace,
    acknowledged: Callable[[PlaysPiece, list[Sent]], None],
    stop: asyncio.Event,
) -> None:
    """Send pieces one after the other, each after the acknowledgement of the previous one.

    Args:
        pieces: The plays.
        sender: Sends a piece.
        pace: The rate.
        acknowledged: Called with every acknowledged piece; the pace may cut pieces.
        stop: Ends the replay after the piece that is being sent.

    Raises:
        ReplayError: Kafka did not acknowledge.
        PlaysFileError: The file cannot be read further.
    """
    n_sent, first_at_ms, began = 0, None, asyncio.get_running_loop().time()
    async with aclosing(_read_ahead(pieces)) as ahead:
        async for piece in ahead:
            now_ms = time.time_ns() // 1_000_000
            times = [counted_at_ms(at_ms, now_ms, now_ms) for at_ms in piece.played_at_ms]
            first_at_ms = times[0] if first_at_ms is None else first_at_ms
            due_at = [began + pace.due_s(n_sent + row, at_ms - first_at_ms) for row, at_ms in enumerate(times)]
            async for due, sent in _send_due(piece, due_at, sender, stop):
                acknowledged(due, sent)
                n_sent += due.n_plays
            if stop.is_set():
                return


async def _send_due(
    piece: PlaysPiece, due_at: Sequence[float], sender: Sender, stop: asyncio.Event
) -> AsyncIterator[tuple[PlaysPiece, list[Sent]]]:
    """Send the plays of a piece when they are due, by the clock of the loop; yield the acknowledged parts."""
    clock, row = asyncio.get_running_loop().time, 0
    while row < piece.n_plays and not stop.is_set():
        now = clock()
        if due_at[row] > now:
            await _wait(stop, due_at[row] - now)
            continue
        end = row + 1
        while end < piece.n_plays and due_at[end] <= now:
            end += 1
        due = piece.part(row, end)
        yield due, await sender.send(due)
        row = end


async def _read_ahead(pieces: Iterator[PlaysPiece]) -> AsyncGenerator[PlaysPiece, None]:
    """Yield pieces; a thread reads the next one meanwhile."""
    reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
    try:
        while (piece := await reading) is not None:
            reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
            yield piece
    finally:
        await asyncio.gather(reading, return_exceptions=True)


def limit_pieces(pieces: Iterator[PlaysPiece], n_plays: int) -> Iterator[PlaysPiece]:
    """Yield the first `n_plays` plays of pieces."""
    for piece in pieces:
        if n_plays <= 0:
            return
        yield piece.part(0, min(n_plays, piece.n_plays))
        n_plays -= piece.n_plays


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait, at most until `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
