"""Copies compacted topics to others with another number of partitions: repeatable, and verified by content."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

import xxhash
from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from jobs.topics.errors import MoveError
from state.keys import EPOCH_KEY
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of_bytes
from streams.readers.log_reader import partitions_of, read_span, reader, spans_of
from streams.settings import Settings

RECORDS_AT_ONCE = 5_000
HASH_BITS = 64

Place = Callable[[bytes, int], Iterable[int]]
"""Returns the new partitions of a key from an old partition."""


Stray = Callable[[bytes, int], bool]
"""Returns whether a key is on another partition than its own."""


class Counting(Protocol):
    """Reads the records of a partition in order."""

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record."""


class Winners(Counting, Protocol):
    """The records of a partition that count, of all that were read."""

    def items(self) -> Iterable[Item]:
        """Return the records that count, in an order in which they may be written."""


class LatestRecords:
    """Of every key the latest record."""

    def __init__(self, _partition: int = 0) -> None:
        """Begin without a record."""
        self._values: dict[bytes, bytes] = {}

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record; a tombstone removes its key."""
        if record.value is None:
            self._values.pop(record.key, None)
        elif record.key is not None:
            self._values[record.key] = record.value

    def items(self) -> Iterable[Item]:
        """Return the records."""
        return self._values.items()


class LatestHashes:
    """Of every key the hash of the latest value; the mark of an unfinished copy is no content of the copy.

    Attributes:
        hashes: The hashes by key.
    """

    def __init__(self, _partition: int = 0) -> None:
        """Begin without a record."""
        self.hashes: dict[bytes, int] = {}

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record; a tombstone removes its key."""
        if record.value is None:
            self.hashes.pop(record.key, None)
        elif record.key not in (None, EPOCH_KEY):
            self.hashes[record.key] = xxhash.xxh3_64_intdigest(record.value)


Read = TypeVar("Read", bound=Counting)


@dataclass
class Content:
    """The content of a topic, regardless of order: how many records, and the sum of their hashes."""

    n_records: int = 0
    hashes: int = 0

    def add(self, key: bytes, value_hash: int) -> None:
        """Add a record."""
        self.n_records += 1
        self.hashes = (self.hashes + xxhash.xxh3_64_intdigest(key, value_hash)) % (1 << HASH_BITS)


@dataclass
class Present:
    """The records that the new topic has already, by partition: a hash of each value by its key."""

    keys: dict[int, dict[bytes, int]] = field(default_factory=dict)

    def pop(self, partition: int, key: bytes) -> int | None:
        """Return and remove the hash of a key's value."""
        return self.keys[partition].pop(key, None)


async def read_winners(
    settings: Settings, topic: str, winners: Callable[[int], Read], on_progress: ProgressCallback, name: str
) -> AsyncIterator[tuple[int, Read]]:
    """Read a topic one partition after the other, and yield each as its reader has read it."""
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        spans = await spans_of(consumer, await partitions_of(consumer, topic))
        n_read, total = 0, sum(span.end - span.start for span in spans.values())
        for tp, span in spans.items():
            counting = winners(tp.partition)
            async for _, records in read_span(consumer, {tp: span.end}, {tp: span.start}, settings.kafka.timeout_s):
                for record in records:
                    counting.take(record)
                n_read += len(records)
                on_progress(JobProgress(name, n_read, total))
            yield tp.partition, counting
        on_progress(JobProgress(name, total, total))  # compaction leaves gaps in the offsets


class Copied(NamedTuple):
    """A topic that was copied."""

    content: Content
    n_strays: int
    """Records that were not on the partition of their key."""


class _Writing:
    """Writes the records that differ from those that a new topic has."""

    def __init__(self, outbox: Outbox, topic: str, present: Present) -> None:
        self._outbox, self._topic, self._present = outbox, topic, present
        self._written: dict[int, set[bytes]] = {partition: set() for partition in present.keys}
        self._batches: dict[int, list[Item]] = {}
        self.expected = Content()

    async def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a record, unless the key was written already, or the topic has the record."""
        if key in self._written[partition]:
            return
        self._written[partition].add(key)
        value_hash = xxhash.xxh3_64_intdigest(value or b"")
        self.expected.add(key, value_hash)
        if self._present.pop(partition, key) == value_hash:
            return
        batch = self._batches.setdefault(partition, [])
        batch.append((key, value))
        if len(batch) == RECORDS_AT_ONCE:
            del self._batches[partition]
            await (await self._outbox.send(self._topic, partition, batch)).written()

    async def flush(self) -> None:
        """Write the remaining records."""
        pending = [await self._outbox.send(self._topic, to, batch) for to, batch in self._batches.items()]
        self._batches.clear()
        for one in pending:
            await one.written()

    async def finish(self) -> None:
        """Write the remaining records, and a tombstone for every key that the old topic does not have any more."""
        for partition, keys in self._present.keys.items():
            self._batches.setdefault(partition, []).extend((key, None) for key in keys)
        self._batches = {partition: batch for partition, batch in self._batches.items() if batch}
        await self.flush()


class TopicCopy:
    """Copies one compacted topic.

    The new topic is read first, and only differences are written: a killed copy goes on where it was. Records that the
    old topic does not have any more get a tombstone.
    """

    def __init__(self, source: Settings, target: Settings, on_progress: ProgressCallback) -> None:
        """Copy from the topics of `source` to those of `target`."""
        self._source, self._target, self._on_progress = source, target, on_progress

    async def copy(
        self, outbox: Outbox, old: str, new: str, winners: Callable[[int], Winners], place: Place, is_stray: Stray
    ) -> Copied:
        """Copy a topic, read the copy and compare.

        Args:
            outbox: Writes to the new topic.
            old: The old topic.
            new: The new one.
            winners: Makes a reader of an old partition's records.
            place: The new partitions of a key.
            is_stray: Returns whether a key is not on its own old partition; the record there counts, if there is one.

        Returns:
            The content of both, and the number of strays.

        Raises:
            MoveError: The content differs: another program wrote to one of them.
            LogReadError, OutboxError: Kafka does not answer, or a topic is missing.
        """
        writing = _Writing(outbox, new, await self._present(new))
        strays: list[tuple[int, Item]] = []
        async for partition, counting in read_winners(self._source, old, winners, self._on_progress, f"copying {old}"):
            for key, value in counting.items():
                if is_stray(key, partition):
                    strays.append((partition, (key, value)))
                    continue
                for to in place(key, partition):
                    await writing.write(to, key, value)
            await writing.flush()
        for partition, (key, value) in strays:
            for to in place(key, partition):
                await writing.write(to, key, value)
        await writing.finish()
        return Copied(await self._verified(old, new, writing.expected), len(strays))

    async def _present(self, new: str) -> Present:
        """Read the new topic."""
        present = Present({partition: {} for partition in range(self._target.topics.partitions)})
        reading = read_winners(self._target, new, LatestHashes, self._on_progress, f"reading {new}")
        async for partition, latest in reading:
            present.keys[partition] = latest.hashes
        return present

    async def _verified(self, old: str, new: str, expected: Content) -> Content:
        """Read the new topic again, and compare it with the expected content."""
        actual = Content()
        async for _, latest in read_winners(self._target, new, LatestHashes, self._on_progress, f"verifying {new}"):
            for key, value_hash in latest.hashes.items():
                actual.add(key, value_hash)
        if actual != expected:
            message = (
                f"The copy {new} has {actual.n_records:,} records (hash {actual.hashes:016x}), but {old} has "
                f"{expected.n_records:,} (hash {expected.hashes:016x}): another program writes to one of them. "
                "Stop it, and run the command again."
            )
            raise MoveError(message)
        return actual


def by_key(n_partitions: int) -> Place:
    """Place every record on the partition of its key."""
    return lambda key, _: (partition_of_bytes(key, n_partitions),)


def all_of(n_partitions: int) -> Place:
    """Place every record on all new partitions."""
    return lambda _key, _partition: range(n_partitions)


def never_stray(_key: bytes, _partition: int) -> bool:
    """Return False: the topic has no keys of its own partitions."""
    return False


def by_number(n_old: int, n_new: int) -> Place:
    """Place every record on all new partitions that follow from the number of its old one."""
    return lambda _, partition: range(partition, n_new, n_old) if partition < n_new else ()
