"""Slices: the records of one partition from one fetch, handled as a single message.

Faust spends four asyncio tasks on a message. A slice of a changelog is such a message, one for a whole fetch. Slices of
plays are queued separately, and commit groups are taken from that queue.
Only this file, its neighbours `groups.py`, `consumer_thread.py` and `faust_app.py` use Faust's private API.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, Protocol

from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.consumer.consumer_thread import SliceConsumerThread
from streams.fetch.batches import ReadableRecords
from streams.fetch.unreadable_batch import is_unreadable

log = logging.getLogger(__name__)

IDLE_S = 0.01
"""Pause before the next check whether a partition may be fetched."""
FETCH_S = 0.25
"""Seconds that a fetch waits for the first record."""
FETCH_IN_REBALANCE_S = 0.02
"""The same during a rebalance, whose steps wait for the fetch."""


class Record(Protocol):
    """A record as a slice holds it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Slice(NamedTuple):
    """Records of one partition that are acknowledged together.

    In place of records there may be one `UnreadableBatch`. A slice without records moves the committed offset over
    control records and aborted ones, which no slice of records follows.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    message: ConsumerMessage
    topic_id: str = ""
    """The id by which the records were fetched, as Kafka's own tools print it."""

    @property
    def last_offset(self) -> int:
        """Return the offset of the last record, or of control records and aborted ones behind it."""
        return int(self.message.offset)

    @property
    def n_plays(self) -> int:
        """Return how many plays count for the bounds; of a batch that does not decode, all its offsets count."""
        if is_unreadable(self.records):
            return self.records[0].n_offsets
        return len(self.records)


class StableEnd(NamedTuple):
    """The end of a partition for readers of committed records."""

    offset: int
    """The last stable offset."""
    n_waiting: int
    """Records behind it, which wait for the end of an open transaction."""


class LeanRecords(ReadableRecords):
    """Passes decoded records through, with key, value, offset and timestamp.

    aiokafka would wrap each into an object that also names topic and partition, at half the cost of a fetch.
    """

    read_to: ClassVar[dict[TP, int]] = {}
    """The offset after each response that was read to its end. It is behind the last record if control records,
    aborted records or compacted ones follow."""

    def _unpack_records(self) -> Iterator[Any]:
        yield from super()._unpack_records()
        if self._isolation_level == fetcher.READ_COMMITTED:  # the consumer of Faust, and no other of the process
            self.read_to[TP(*self._tp)] = self.next_fetch_offset

    def _consumer_record(self, _tp: TP, record: Any) -> Any:
        return record


fetcher.PartitionRecords = LeanRecords


class Unread(dict[TP, int | None]):
    """Replaces the read offsets by which Faust drops repeated records, and stores nothing.

    Faust would drop records that are delivered again after a seek, if a pending slice has advanced the read offset
    past the seek. Repeated records are harmless: a play at or below a user's applied offset is skipped.
    """

    def __getitem__(self, _tp: TP) -> None:
        """Return None: no offset was read."""

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        """Ignore the offset."""


class SliceConsumer(driver.Consumer):
    """A Faust consumer whose messages are slices, none of which is lost in a rebalance.

    During a rebalance only the changelog is fetched. The records of a fetch that began before it are dropped and
    fetched again: Faust clears its queues and seeks in separate steps, and plays could be lost between two of them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create the queue of slices; Faust passes the arguments."""
        super().__init__(*args, **options)
        self.slices: asyncio.Queue[Slice] = asyncio.Queue()
        """Slices of plays to be folded; `PlayfoldApp.waiting_plays_max` bounds them."""
        self.n_unreadable = 0
        """Records in batches of plays that do not decode."""
        self._waiting_plays = 0
        self._room = asyncio.Event()
        self._read_offset = Unread()

    def _new_consumer_thread(self) -> SliceConsumerThread:
        return SliceConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch; queue the slices of plays, and yield those of a changelog as messages.

        A slice's message has the list of records as its value. Its offset is that of the last one, or of the control
        records and aborted records behind it.
        """
        await self._wait_for_room(timeout)
        if self._waiting_plays > self.app.waiting_plays_max:
            return
        generation_id = self.app.consumer_generation_id
        LeanRecords.read_to.clear()
        fetched, active = await self._wait_next_records(timeout)
        read_to = dict(LeanRecords.read_to)
        if not (fetched or read_to) or self.should_stop:
            return
        if not self.flow_active or self.app.consumer_generation_id != generation_id:
            firsts = {tp: records[0].offset for tp, records in (fetched or {}).items()}
            await self._thread.call_thread(self._rewind, firsts)
            return
        for tp, records in (dict.fromkeys(read_to, ()) | (fetched or {})).items():
            if active is not None and tp not in active:
                continue
            for part in self._parts(tp, records):
                if not self.flow_active or self.app.consumer_generation_id != generation_id:
                    return  # the next assignment seeks
                is_last = not part or part[-1] is records[-1]
                message = _slice_message(tp, part, generation_id, read_to.get(tp, 0) - 1 if is_last else -1)
                if not self._is_changelog_tp(tp):
                    self._queue(Slice(tp.topic, tp.partition, part, message, self.fetched_id(tp.topic)))
                elif part:
                    yield tp, message

    def _queue(self, part: Slice) -> None:
        """Queue a slice of plays; log and count a batch that does not decode, which its group rejects."""
        if is_unreadable(part.records):
            batch = part.records[0]
            self.n_unreadable += batch.n_offsets
            place = {"topic": batch.topic, "partition": batch.partition, "offset": batch.offset}
            log.error("batch_unreadable", extra={**place, "last": batch.last_offset, "reason": batch.reason})
        self._waiting_plays += part.n_plays
        self.slices.put_nowait(part)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, Any]:  # noqa: ASYNC109
        """Fetch from a copy of the active partitions, since Faust changes its set during the fetch."""
        wanted = {tp for tp in active_partitions or () if not self.app.rebalancing or self._is_changelog_tp(tp)}
        if not wanted:
            await asyncio.sleep(IDLE_S)
            return {}
        # Faust's thread is serial: a seek or a commit waits until an idle fetch times out.
        patience = FETCH_IN_REBALANCE_S if self.app.rebalancing else FETCH_S
        fetched: dict[TP, Any] = await super()._getmany(wanted, min(timeout, patience))
        return fetched

    async def _rewind(self, firsts: Mapping[TP, int]) -> None:
        """Seek back to dropped records, unless a seek went further back; runs in the consumer's thread."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001
        assignment = consumer._subscription.subscription.assignment  # noqa: SLF001
        for tp, first in firsts.items():
            state = assignment.state_value(tp) if assignment is not None else None
            if state is not None and state.has_valid_position:
                consumer.seek(TopicPartition(*tp), min(first, state.position))

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, and to the beginning of a partition without one.

        Faust does not seek in a partition without a committed offset. Records that were dropped in a rebalance before
        the first commit would never be delivered.
        """
        await super().perform_seek()
        plays = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        await self._thread.call_thread(self._begin, [tp for tp in plays if not self._committed_offset[tp]])

    async def _begin(self, tps: Sequence[TP]) -> None:
        """Seek to the beginning of partitions; runs in the consumer's thread.

        A request for the earliest offset would wait behind a fetch. If offset 0 is deleted, the fetch starts at the
        earliest offset.
        """
        for tp in tps:
            self._thread._ensure_consumer().seek(TopicPartition(*tp), 0)  # noqa: SLF001

    def fetched_id(self, topic: str) -> str:
        """Return the id by which a topic is fetched, empty before its first fetch."""
        ids = self._thread.ids if self._thread is not None else None
        return ids[topic] if ids is not None else ""

    def stable_ends(self) -> dict[int, StableEnd]:
        """Return the last stable offset of every partition of plays, as of its last fetch."""
        consumer = self._thread._consumer if self._thread is not None else None  # noqa: SLF001
        subscription = consumer._subscription.subscription if consumer is not None else None  # noqa: SLF001
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in assignment.tps if not self._is_changelog_tp(TP(*tp))}
        return {
            tp.partition: StableEnd(state.lso, state.highwater - state.lso)
            for tp, state in states.items()
            if state is not None and state.highwater is not None and state.lso is not None
        }

    def taken(self, plays: int) -> None:
        """Count plays that left the queue."""
        self._waiting_plays = max(0, self._waiting_plays - plays)
        self._room.set()

    async def _wait_for_room(self, timeout: float) -> None:  # noqa: ASYNC109  Faust's name
        """Wait while enough plays are queued."""
        self._room.clear()
        if self.flow_active and self._waiting_plays > self.app.waiting_plays_max:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore the gap: the offsets below that of the message are those of its slice."""

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset after the last acknowledged slice; slices are acknowledged in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    def _parts(self, tp: TP, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Cut the fetched records into slices; a whole fetch of a changelog is one slice."""
        size = len(records) if self._is_changelog_tp(tp) else self.app.slice_plays_max
        for start in range(0, len(records) or 1, size or 1):
            yield records[start : start + size]


def _slice_message(tp: TP, records: Sequence[Record], generation_id: int, read_to: int) -> ConsumerMessage:
    """Return the message of a slice, with the offset of its last record, or `read_to` if that is greater."""
    offset, timestamp, timestamp_type = read_to, 0, 0
    if records:
        last = records[-1]
        offset = max(offset, records[0].last_offset if is_unreadable(records) else last.offset)
        timestamp, timestamp_type = last.timestamp, last.timestamp_type
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        offset,
        timestamp / 1000,
        timestamp_type,
        [],
        None,
        records,
        None,
        0,
        0,
        tp,
        generation_id=generation_id,  # without it Faust drops the message
    )


class SliceTransport(driver.Transport):
    """The Kafka transport of Faust with the slice consumer."""

    Consumer = SliceConsumer
