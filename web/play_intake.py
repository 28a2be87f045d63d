"""Events on their way to `plays`: requests share batches, and each request gets the offsets of its own events."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from streams.connection.credentials import CredentialsError
from streams.outbox import Headers, Item, Outbox, OutboxError, UnacknowledgedError, record_bytes
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.topics import BATCH_BYTES_MAX, topic_names

log = logging.getLogger(__name__)

RECONNECT_S = 1.0
"""Between two tries to reach a Kafka that is gone."""
BATCH_BYTES = BATCH_BYTES_MAX * 3 // 4
"""Bytes of events that go at once: one batch, so that its offsets are one run."""


class IntakeError(ConnectionError):
    """Kafka does not accept events now. Send them again later; an event with a `play_id` counts once."""


class IntakeFullError(IntakeError):
    """The limit of waiting events is reached. Send them again later."""


class _Parcel(NamedTuple):
    """Events of one request for one partition."""

    items: Sequence[Item]
    headers: Sequence[Headers]
    first: asyncio.Future[int]
    """The offset of the first of them."""
    n_bytes: int


class PlayIntake:
    """Produces events, one batch a partition at a time; events that arrive meanwhile join the next batch."""

    def __init__(self, settings: Settings, make_outbox: Callable[[KafkaSettings], Outbox] = Outbox) -> None:
        """Prepare; nothing is sent before `start`."""
        self._settings, self._topic, self._make_outbox = settings, topic_names(settings).plays, make_outbox
        self._lanes: dict[int, deque[_Parcel]] = {}
        self._senders: set[asyncio.Task[None]] = set()
        self._busy: set[int] = set()
        self._outbox: Outbox | None = None
        self._n_waiting = 0
        self._reconnecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            OutboxError: No broker answered.
        """
        outbox = self._make_outbox(self._settings.kafka)
        await outbox.start()
        self._outbox = outbox

    async def stop(self) -> None:
        """Send the waiting events, for a bounded time, and disconnect."""
        if self._senders:
            await asyncio.wait(self._senders, timeout=self._settings.kafka.timeout_s)
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        if self._outbox is not None:
            await self._outbox.stop()

    @property
    def connected(self) -> bool:
        """Return whether the producer is connected, as far as is known."""
        return self._outbox is not None

    async def put(self, partition: int, items: Sequence[Item], headers: Sequence[Headers] | None = None) -> list[int]:
        """Send events of one partition, with the headers of each, and wait until Kafka has them; return their offsets.

        Raises:
            IntakeFullError: Too many wait already; none of these was sent.
            IntakeError: Kafka did not acknowledge; they may have arrived all the same.
        """
        if self._outbox is None:
            message = f"Kafka at {self._settings.kafka.brokers} does not answer; nothing was sent."
            raise IntakeError(message)
        if self._n_waiting + len(items) > self._settings.gateway.plays_waiting_max:
            message = f"{self._n_waiting:,} events wait for Kafka already; nothing was sent."
            raise IntakeFullError(message)
        loop, marks = asyncio.get_running_loop(), [()] * len(items) if headers is None else list(headers)
        parcels = [
            _Parcel(items[first:end], marks[first:end], loop.create_future(), n_bytes)
            for first, end, n_bytes in _cut(items, marks)
        ]
        self._n_waiting += len(items)
        self._lanes.setdefault(partition, deque()).extend(parcels)
        if partition not in self._busy:
            self._busy.add(partition)
            sender = asyncio.create_task(self._send_all(partition), name=f"intake-{partition}")
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        try:
            first = parcels[0].first  # nearly always the only one
            firsts = [await first] if len(parcels) == 1 else await asyncio.gather(*(one.first for one in parcels))
        finally:
            self._n_waiting -= len(items)
        return [first + at for first, parcel in zip(firsts, parcels, strict=True) for at in range(len(parcel.items))]

    async def _send_all(self, partition: int) -> None:
        """Send the waiting events of a partition, batch after batch, until none is left."""
        lane = self._lanes[partition]
        try:
            while lane:
                await self._send(partition, _take(lane))
        finally:
            self._busy.discard(partition)

    async def _send(self, partition: int, parcels: Sequence[_Parcel]) -> None:
        """Send one batch and give every request in it its offsets, or the error."""
        outbox = self._outbox
        if outbox is None:
            _fail(parcels, f"Kafka at {self._settings.kafka.brokers} does not answer; these events were not sent.")
            return
        items = (item for parcel in parcels for item in parcel.items)
        headers = (one for parcel in parcels for one in parcel.headers)
        try:
            written = await (await outbox.send(self._topic, partition, items, headers)).written()
        except UnacknowledgedError as error:
            _fail(parcels, f"{error} Send the events again; with a play_id each counts once.")
            self._lose(outbox, error)
            return
        except OutboxError as error:
            _fail(parcels, f"{error} These events were not sent.")
            self._lose(outbox, error)
            return
        offset = written.first
        for parcel in parcels:
            if not parcel.first.done():
                parcel.first.set_result(offset)
            offset += len(parcel.items)

    def _lose(self, lost: Outbox, error: Exception) -> None:
        """Replace the producer: an idempotent producer does not recover from a lost batch."""
        if self._outbox is lost:
            log.warning("intake_lost_kafka", extra={"reason": repr(error)})
            self._outbox = None
            self._reconnecting = asyncio.create_task(self._reconnect(lost), name="intake-reconnect")

    async def _reconnect(self, lost: Outbox) -> None:
        """Connect again; log a reason for a failure that is not that of the try before."""
        await lost.stop(patience_s=0.0)
        reason = ""
        while self._outbox is None:
            try:
                await self.start()
            except (OutboxError, CredentialsError) as error:
                if str(error) != reason:
                    reason = str(error)
                    log.warning("intake_not_connected", extra={"reason": reason})
                await asyncio.sleep(RECONNECT_S)
        log.info("intake_found_kafka")


def _fail(parcels: Sequence[_Parcel], message: str) -> None:
    for parcel in parcels:
        if not parcel.first.done():
            parcel.first.set_exception(IntakeError(message))


def _cut(items: Sequence[Item], headers: Sequence[Headers]) -> list[tuple[int, int, int]]:
    """Split events into parts that each fit a batch; return of each the first index, the end, and the bytes."""
    parts: list[tuple[int, int, int]] = []
    first = n_bytes = 0
    for at, ((key, value), marks) in enumerate(zip(items, headers, strict=True)):
        size = record_bytes(key, value, marks)
        if at > first and n_bytes + size > BATCH_BYTES:
            parts.append((first, at, n_bytes))
            first, n_bytes = at, 0
        n_bytes += size
    return [*parts, (first, len(items), n_bytes)]


def _take(lane: deque[_Parcel]) -> list[_Parcel]:
    """Remove the parcels of the next batch from a lane, one at least."""
    taken: list[_Parcel] = []
    n_bytes = 0
    while lane and (not taken or n_bytes + lane[0].n_bytes <= BATCH_BYTES):
        taken.append(lane.popleft())
        n_bytes += taken[-1].n_bytes
    return taken
