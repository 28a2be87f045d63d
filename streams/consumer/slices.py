"""Slices: the records of one partition from one fetch, handled as a single message.

Faust spends four asyncio tasks on a message. A slice of a changelog goes that way, once for a whole fetch; slices of
plays go into a queue of their own, from which commit groups are taken.
Everything private that playfold uses of Faust stands in this file, in `streams/consumer/consumer_thread.py` and in
`streams/consumer/faust_app.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol

from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.consumer.consumer_thread import SliceConsumerThread

IDLE_S = 0.01
"""Pause before looking again whether a partition may be fetched."""
FETCH_S = 0.25
"""Longest time that a fetch waits for the first record."""
FETCH_IN_REBALANCE_S = 0.02
"""The same while a rebalance, and the steps of it, wait for the fetch."""


class Record(Protocol):
    """A record as a slice holds it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None


class Slice(NamedTuple):
    """Records of one partition that are acknowledged together."""

    topic: str
    partition: int
    records: Sequence[Record]
    message: ConsumerMessage


class LeanRecords(fetcher.PartitionRecords):
    """Gives records as they were decoded, with key, value, offset and timestamp.

    aiokafka would wrap each into an object that also names topic and partition, at half the cost of a fetch.
    """

    def _consumer_record(self, _tp: TP, record: Any) -> Any:
        return record


fetcher.PartitionRecords = LeanRecords


class Unread(dict[TP, int | None]):
    """Stands where Faust remembers read offsets to drop what it takes for a repetition.

    It would drop what is delivered again after a seek, when a slice in its hands moved the memory past the seek.
    Here nothing is remembered: a repetition is harmless, for a play at or below a user's applied offset is skipped.
    """

    def __getitem__(self, _tp: TP) -> None:
        """Return that nothing was read."""

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        """Forget it."""


class SliceConsumer(driver.Consumer):
    """A Faust consumer whose messages are slices, none of which is lost in a rebalance.

    While a rebalance is under way only the changelog is fetched, and what a fetch brings that began before it is
    thrown away and fetched again: Faust clears its queues and seeks in steps between which plays could slip through.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what Faust gives a consumer."""
        super().__init__(*args, **options)
        self.slices: asyncio.Queue[Slice] = asyncio.Queue()
        """Slices of plays that wait to be folded; `PlayfoldApp.waiting_plays_max` bounds them."""
        self._waiting_plays = 0
        self._room = asyncio.Event()
        self._read_offset = Unread()

    def _new_consumer_thread(self) -> SliceConsumerThread:
        return SliceConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch; queue the slices of plays, and yield those of a changelog as messages.

        A slice's message has the list of records as its value and the offset of the last one.
        """
        await self._wait_for_room(timeout)
        if self._waiting_plays > self.app.waiting_plays_max:
            return
        generation_id = self.app.consumer_generation_id
        fetched, active = await self._wait_next_records(timeout)
        if not fetched or self.should_stop:
            return
        if not self.flow_active or self.app.consumer_generation_id != generation_id:
            firsts = {tp: records[0].offset for tp, records in fetched.items()}
            await self._thread.call_thread(self._rewind, firsts)
            return
        for tp, records in fetched.items():
            if active is not None and tp not in active:
                continue
            for part in self._parts(tp, records):
                if not self.flow_active or self.app.consumer_generation_id != generation_id:
                    return  # the assignment that follows seeks
                message = _slice_message(tp, part, generation_id)
                if self._is_changelog_tp(tp):
                    yield tp, message
                else:
                    self._waiting_plays += len(part)
                    self.slices.put_nowait(Slice(tp.topic, tp.partition, part, message))

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, Any]:  # noqa: ASYNC109
        """Fetch from the partitions that are active now; Faust's set changes while the fetch waits."""
        wanted = {tp for tp in active_partitions or () if not self.app.rebalancing or self._is_changelog_tp(tp)}
        if not wanted:
            await asyncio.sleep(IDLE_S)
            return {}
        # Faust's thread does one thing at a time: a seek or a commit waits until an idle fetch gives up.
        patience = FETCH_IN_REBALANCE_S if self.app.rebalancing else FETCH_S
        fetched: dict[TP, Any] = await super()._getmany(wanted, min(timeout, patience))
        return fetched

    async def _rewind(self, firsts: Mapping[TP, int]) -> None:
        """Go back to records that were fetched and thrown away, unless a seek went further back; runs in the thread."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001
        assignment = consumer._subscription.subscription.assignment  # noqa: SLF001
        for tp, first in firsts.items():
            state = assignment.state_value(tp) if assignment is not None else None
            if state is not None and state.has_valid_position:
                consumer.seek(TopicPartition(*tp), min(first, state.position))

    async def perform_seek(self) -> None:
        """Go back to the committed offsets, and to the beginning where nothing is committed yet.

        Faust leaves a partition without a committed offset where it is: what was fetched and thrown away in a
        rebalance before the first commit would never be delivered again.
        """
        await super().perform_seek()
        plays = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        await self._thread.call_thread(self._begin, [tp for tp in plays if not self._committed_offset[tp]])

    async def _begin(self, tps: Sequence[TP]) -> None:
        """Go to the beginning of partitions; runs in the thread.

        Asking Kafka for it would wait behind a fetch. Where offset 0 is gone, the fetch starts at the earliest.
        """
        for tp in tps:
            self._thread._ensure_consumer().seek(TopicPartition(*tp), 0)  # noqa: SLF001

    def taken(self, plays: int) -> None:
        """Take note that plays left the queue."""
        self._waiting_plays = max(0, self._waiting_plays - plays)
        self._room.set()

    async def _wait_for_room(self, timeout: float) -> None:  # noqa: ASYNC109  Faust's name
        """Wait while enough plays are queued."""
        self._room.clear()
        if self.flow_active and self._waiting_plays > self.app.waiting_plays_max:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note nothing: the offsets below a slice's own are the slice."""

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset to commit: behind the last slice acknowledged, for slices are acknowledged in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    def _parts(self, tp: TP, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Cut what was fetched into slices; a changelog is recovered in whole fetches."""
        size = len(records) if self._is_changelog_tp(tp) else self.app.slice_plays_max
        for start in range(0, len(records), size or 1):
            yield records[start : start + size]


def _slice_message(tp: TP, records: Sequence[Record], generation_id: int) -> ConsumerMessage:
    last = records[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000,
        last.timestamp_type,
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


@asynccontextmanager
async def take_group(app: Any, plays_max: int, turn: asyncio.Lock) -> AsyncIterator[list[Slice]]:
    """Wait for a slice and for the turn, then take every slice that waits, up to `plays_max` plays: a commit group.

    Small groups when it is quiet (milliseconds), large ones under load (throughput). What comes while others have the
    turn is in the group too, and does not wait for the next one.
    """
    while True:
        first = await app.consumer.slices.get()
        async with turn:
            group = _take(app, first, plays_max)
            if group:
                yield group
                return


def _take(app: Any, first: Slice, plays_max: int) -> list[Slice]:
    """Take a slice and those that wait behind it.

    A slice of an earlier assignment, or one that a rebalance is about to take away, is dropped: it is delivered again
    to whoever owns it then.
    """
    consumer, part = app.consumer, first
    group: list[Slice] = []
    room = plays_max
    while True:
        consumer.taken(len(part.records))
        if consumer.flow_active and part.message.generation_id == app.consumer_generation_id:
            part.message.tracked = True  # Faust waits in a rebalance until what is tracked is acknowledged
            consumer._unacked_messages.add(part.message)  # noqa: SLF001
            group.append(part)
            room -= len(part.records)
        if consumer.slices.empty() or (group and room < app.slice_plays_max):
            return group
        part = consumer.slices.get_nowait()


def acknowledge(group: Sequence[Slice], consumer: Any) -> None:
    """Tell Faust that the group's state is durable, so that its offsets may be committed."""
    for part in group:
        part.message.ack(consumer)
