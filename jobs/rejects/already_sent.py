"""Records on `plays` behind rejected ones: their retries, and later requests to be forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from jobs.rejects.read import StoredReject
from streams.messages.events import Forget, UnreadablePlay, read_event
from streams.messages.retried import HEADER
from streams.process.format_text import format_time
from streams.readers.log_reader import LogReadError, log_skipped, partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

_FORGET = b"forget"


SKEW_MS = 60_000
"""Most milliseconds by which the clocks of two brokers differ, which stamp the records of two topics."""


class Places:
    """The first places of rejects on `plays`.

    Attributes:
        first: The lowest offset of a reject, by partition.
        first_at_ms: The time of the earliest rejection; None if there are no rejects.
    """

    def __init__(self, topic: str) -> None:
        """Know none."""
        self._topic = topic
        self.first: dict[int, int] = {}
        self.first_at_ms: int | None = None

    def add(self, stored: StoredReject) -> None:
        """Add the place of a reject."""
        reject = stored.reject
        if reject.topic == self._topic:
            self.first[reject.partition] = min(self.first.get(reject.partition, reject.offset), reject.offset)
        self.first_at_ms = stored.at_ms if self.first_at_ms is None else min(self.first_at_ms, stored.at_ms)


class Place(NamedTuple):
    """The place of a record on `plays`."""

    partition: int
    offset: int
    at_ms: int


class Later(NamedTuple):
    """The records on `plays` that concern rejects before them."""

    places: set[bytes]
    """The places of the rejects that were sent again."""
    forgets: dict[bytes, dict[int, Place]]
    """The latest request to be forgotten on each partition, by key: a copy may be on another one than the key's."""

    def forgets_after(self, key: bytes, stored: StoredReject) -> bool:
        """Return whether a listener asked to be forgotten after a record that was rejected."""
        reject = stored.reject
        return any(
            (forget.partition == reject.partition and forget.offset > reject.offset)
            or forget.at_ms >= stored.at_ms - SKEW_MS
            for forget in self.forgets.get(key, {}).values()
        )

    def take(self, partition: int, record: ConsumerRecord, bytes_max: int) -> None:
        """Remember a record of `plays` if it is a retry or a request to be forgotten."""
        for name, place in record.headers:
            if name == HEADER and place is not None:
                self.places.add(place)
        if record.key is None or _FORGET not in (record.value or b""):
            return
        try:
            event = read_event(record.key, record.value, bytes_max)
        except UnreadablePlay:
            return
        if isinstance(event, Forget):
            by_partition = self.forgets.setdefault(record.key, {})
            earlier = by_partition.get(partition)
            # The time of a record is its producer's, so a later one may have an earlier time.
            at_ms = record.timestamp if earlier is None else max(earlier.at_ms, record.timestamp)
            by_partition[partition] = Place(partition, record.offset, at_ms)


async def read_later(places: Places, settings: Settings, on_progress: ProgressCallback) -> Later:
    """Read `plays` from the first rejects on.

    A retried record can be on another partition than the rejected one was. So every partition is read from the time of
    the earliest rejection, and from its own first reject.

    Raises:
        LogReadError: Kafka does not answer.
    """
    later, topic = Later(set(), {}), topic_names(settings).plays
    if places.first_at_ms is None:
        return later
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic)
        ends = {tp: span.end for tp, span in (await spans_of(consumer, tps)).items()}
        at_time = await _offsets_at(consumer, tps, max(0, places.first_at_ms - SKEW_MS))
        starts = {tp: _start_of(tp, at_time.get(tp), places, ends[tp]) for tp in tps}
        total, n_read = sum(max(0, ends[tp] - starts[tp]) for tp in tps), 0
        async for partition, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, log_skipped):
            for record in records:
                later.take(partition, record, settings.topics.play_bytes_max)
            n_read += len(records)
            on_progress(JobProgress("looking for earlier retries", n_read, total))
    return later


async def _offsets_at(
    consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition], at_ms: int
) -> Mapping[TopicPartition, Any]:
    """Return the first offset of each partition at a time, in milliseconds since 1970, or after it.

    Raises:
        LogReadError: Kafka does not answer.
    """
    try:
        return await consumer.offsets_for_times(dict.fromkeys(tps, at_ms))  # type: ignore[no-any-return]
    except KafkaError as error:
        message = f"Kafka did not say where {tps[0].topic} was at {format_time(at_ms)}: {error!r}. Run the retry again."
        raise LogReadError(message) from error


def _start_of(tp: TopicPartition, at_time: Any, places: Places, end: int) -> int:
    """Return the first offset of a partition that can concern a reject."""
    start = end if at_time is None else int(at_time.offset)
    return min(start, places.first.get(tp.partition, start))
