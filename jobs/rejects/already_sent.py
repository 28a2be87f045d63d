"""Records on `plays` behind rejected ones: their retries, and later requests to be forgotten."""

from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from jobs.rejects.read import StoredReject
from streams.messages.events import Forget, UnreadablePlay, read_event
from streams.readers.log_reader import log_skipped, partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

HEADER = "playfold-reject"
"""The header of a retried record: the place of the rejected one, `topic:partition:offset`."""
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
    forgets: dict[bytes, Place]
    """The latest request to be forgotten, by key."""

    def forgets_after(self, key: bytes, stored: StoredReject) -> bool:
        """Return whether a listener asked to be forgotten after a record that was rejected."""
        forget = self.forgets.get(key)
        if forget is None:
            return False
        if forget.partition == stored.reject.partition and forget.offset > stored.reject.offset:
            return True
        return forget.at_ms >= stored.at_ms - SKEW_MS


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
        at_time = await consumer.offsets_for_times(dict.fromkeys(tps, max(0, places.first_at_ms - SKEW_MS)))
        starts = {tp: _start_of(tp, at_time.get(tp), places, ends[tp]) for tp in tps}
        total, n_read = sum(max(0, ends[tp] - starts[tp]) for tp in tps), 0
        async for partition, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, log_skipped):
            for record in records:
                _take(partition, record, later, settings.topics.play_bytes_max)
            n_read += len(records)
            on_progress(JobProgress("looking for earlier retries", n_read, total))
    return later


def _start_of(tp: TopicPartition, at_time: Any, places: Places, end: int) -> int:
    """Return the first offset of a partition that can concern a reject."""
    start = end if at_time is None else int(at_time.offset)
    return min(start, places.first.get(tp.partition, start))


def _take(partition: int, record: ConsumerRecord, later: Later, bytes_max: int) -> None:
    for name, place in record.headers:
        if name == HEADER and place is not None:
            later.places.add(place)
    if record.key is not None and _FORGET in (record.value or b""):
        try:
            event = read_event(record.key, record.value, bytes_max)
        except UnreadablePlay:
            return
        if isinstance(event, Forget):
            later.forgets[record.key] = Place(partition, record.offset, record.timestamp)
