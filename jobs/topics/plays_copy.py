"""Copies the plays that no worker has applied yet, each exactly once, to another topic."""

import heapq
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from jobs.topics.errors import MoveError
from streams.outbox import Outbox, Pending
from streams.partitioning import partition_of_bytes
from streams.readers.log_reader import Span, read_span, read_topic, reader
from streams.settings import Settings
from streams.topics.topics import topic_names

SOURCE = "playfold-source"
"""Header of a copied play: id of the topic, partition and offset of its original."""
COPYING = "copying the plays that wait"
IN_FLIGHT_MAX = 10_000


class Waiting(NamedTuple):
    """The plays of an old partition that the copied state does not contain."""

    span: Span
    """The offsets to copy from."""
    late: Mapping[bytes, int]
    """Listeners whose record contains plays of the span, with their highest offset."""


class OldPlays(NamedTuple):
    """The plays to copy."""

    topic_id: str
    """Id of their topic."""
    waiting: Mapping[int, Waiting]
    """Their places by old partition."""
    counted_from: Mapping[int, int]
    """By old partition, the offset below which an earlier run has copied every play; 0 if left out."""


async def copy_plays(source: Settings, target: Settings, plays: OldPlays, watch: ProgressCallback) -> int:
    """Copy the waiting plays in the order of their arrival.

    A copy has a header with the place of its original. By these headers a run finds the copies of a killed one.

    Args:
        source: The old cluster settings.
        target: The new ones.
        plays: The plays to copy.
        watch: Called with the number of plays read.

    Returns:
        How many plays waited; all of them are on the new topic.

    Raises:
        LogReadError, OutboxError: Kafka does not answer, or a topic is missing.
        MoveError: The copy is not complete: another program deletes from it. Or it has more plays than wait.
    """
    new = topic_names(target).plays
    copied = await _copied(target, new, plays)
    n_wanted = n_read = 0
    total = sum(part.span.end - part.span.start for part in plays.waiting.values())
    async with AsyncExitStack() as stack, Outbox(target.kafka) as outbox:
        copies = _Copies(outbox, new, target.topics.partitions, plays.topic_id)
        async for partition, record in _merged(stack, source, topic_names(source).plays, plays.waiting):
            n_read += 1
            watch(JobProgress(COPYING, n_read, total))
            if record.offset <= plays.waiting[partition].late.get(record.key or b"", -1):
                continue
            n_wanted += 1
            if record.offset > copied.last.get((partition, copies.partition_of(partition, record)), -1):
                await copies.send(partition, record)
        await copies.written()
    _check_complete((await _copied(target, new, plays)).n_plays, n_wanted, source, target)
    return n_wanted


def _check_complete(n_copied: int, n_wanted: int, source: Settings, target: Settings) -> None:
    """Check that the new topic has exactly the plays that wait.

    Raises:
        MoveError: It has fewer, or more.
    """
    old, new = topic_names(source).plays, topic_names(target).plays
    if n_copied < n_wanted:
        message = f"{n_copied:,} of {n_wanted:,} waiting plays of {old} are on {new}: run the command again."
        raise MoveError(message)
    if n_copied > n_wanted:
        message = (
            f"{n_copied:,} plays of {old} are on {new}, but {n_wanted:,} of them wait: workers have applied the others "
            "since a killed run copied them, so they would count twice. Delete the new topics, or give another "
            "--prefix and another --group."
        )
        raise MoveError(message)


class _Copies:
    """The copies that a run sends."""

    def __init__(self, outbox: Outbox, topic: str, n_partitions: int, source_id: str) -> None:
        """Send to a topic copies of plays from the topic with an id."""
        self._outbox, self._topic, self._n_partitions, self._source_id = outbox, topic, n_partitions, source_id
        self._pending: list[Pending] = []

    def partition_of(self, partition: int, record: ConsumerRecord) -> int:
        """Return the partition of the copy of a record from a partition of the old topic."""
        return partition_of_bytes(record.key, self._n_partitions) if record.key else partition % self._n_partitions

    async def send(self, partition: int, record: ConsumerRecord) -> None:
        """Send the copy of a record with the place of its original; wait for Kafka if too many are in flight."""
        place = f"{self._source_id}:{partition}:{record.offset}".encode()
        # A copy of a copy has the place of its own original alone.
        headers = [*((name, value) for name, value in record.headers if name != SOURCE), (SOURCE, place)]
        to, item = self.partition_of(partition, record), (record.key, record.value)
        self._pending.append(await self._outbox.send_headed(self._topic, to, item, headers))
        if len(self._pending) == IN_FLIGHT_MAX:
            await self.written()

    async def written(self) -> None:
        """Wait until Kafka has acknowledged every copy."""
        for one in self._pending:
            await one.written()
        self._pending.clear()


class Copied(NamedTuple):
    """The copies on the new topic."""

    last: Mapping[tuple[int, int], int]
    """By old and new partition, the highest offset of an original."""
    n_plays: int


async def _copied(target: Settings, new: str, plays: OldPlays) -> Copied:
    """Read the copies of the old topic on the new one."""
    last, n_plays = dict[tuple[int, int], int](), 0
    async for to, records in read_topic(target.kafka, new, target.kafka.timeout_s):
        for record in records:
            place = next((value for name, value in record.headers if name == SOURCE), b"")
            topic_id, _, numbers = place.partition(b":")
            if topic_id == plays.topic_id.encode():
                partition, offset = map(int, numbers.split(b":"))
                last[partition, to] = max(last.get((partition, to), -1), offset)
                n_plays += offset >= plays.counted_from.get(partition, 0)
    return Copied(last, n_plays)


async def _merged(
    stack: AsyncExitStack, source: Settings, topic: str, waiting: Mapping[int, Waiting]
) -> AsyncIterator[tuple[int, ConsumerRecord]]:
    """Yield the waiting records of all partitions in the order of their arrival."""
    streams = {}
    for partition, part in waiting.items():
        if part.span.end > part.span.start:
            consumer = await stack.enter_async_context(
                reader(source.kafka, source.kafka.timeout_s, committed_only=True)
            )
            tp = TopicPartition(topic, partition)
            ends, starts = {tp: part.span.end}, {tp: part.span.start}
            streams[partition] = _flat(read_span(consumer, ends, starts, source.kafka.timeout_s))
    heads = []
    for partition, stream in streams.items():
        if (record := await anext(stream, None)) is not None:
            heads.append((record.timestamp, partition, record))
    heapq.heapify(heads)
    while heads:
        _, partition, record = heads[0]
        yield partition, record
        following = await anext(streams[partition], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following.timestamp, partition, following))


async def _flat(slices: AsyncIterator[tuple[int, object]]) -> AsyncIterator[ConsumerRecord]:
    async for _, records in slices:
        for record in records:  # type: ignore[attr-defined]
            yield record
