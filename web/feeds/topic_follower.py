"""Follows the topics of a gateway's view: first to their end, then as they grow."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from state.gateway_view import ITEM, LIST, RELATED, View
from streams.readers.log_reader import LogReadError, partitions_of, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

RECORDS_AT_ONCE = 32
"""Records stored before requests are served again: about a millisecond of work."""
PROGRESS_S = 2.0
MARK_S = 30.0
"""Seconds between two marks that the view is complete."""
ASK_S = 5.0
Record = tuple[bytes | None, bytes | None]
"""Key and value."""
Changed = Callable[[bytes, Sequence[tuple[str, int]], Sequence[Record]], None]
"""Called after each fetch with the kind, the listeners whose lists changed, and the records."""


class NotReadableError(LogReadError):
    """The gateway cannot read its topics to their end. Check the broker, and restart the gateway."""


class TopicFollower:
    """Keeps a view in step with its topics, with a consumer that has no group.

    Attributes:
        caught_up: Set once the topics are read up to their ends at the start.
    """

    def __init__(self, settings: Settings, view: View, changed: Changed) -> None:
        """Fill `view`, and call `changed` after every fetch."""
        names = topic_names(settings)
        self._kinds = {names.recommendations: LIST, names.related_items: RELATED, names.catalog: ITEM}
        self._lists = names.recommendations
        self._settings, self._view, self._changed = settings, view, changed
        self._ends: dict[TopicPartition, int] = {}
        self._places: dict[TopicPartition, int] = {}
        self._asked_at_s = self._marked_at_s = 0.0
        self._consumer: AIOKafkaConsumer | None = None
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Follow the topics for ever.

        Raises:
            LogReadError: A topic is missing, or Kafka does not answer at the start.
            NotReadableError: No record arrived for `ready_s` seconds before the end was reached.
        """
        async with reader(self._settings.kafka, self._settings.kafka.timeout_s) as consumer:
            await self._begin(consumer)
            self._consumer = consumer
            began = moved = logged = time.monotonic()
            while True:
                n = await self._step(consumer)
                moved = time.monotonic() if n else moved
                if not self.caught_up.is_set():
                    logged = self._log_progress(began, moved, logged)
                elif time.time() - self._asked_at_s > MARK_S:
                    await self._ask_ends(consumer)
                self._mark()

    async def reached(self) -> frozenset[int]:
        """Ask Kafka for the ends, and return the partitions whose lists are all in the view."""
        consumer, tps = self._consumer, [tp for tp in self._places if tp.topic == self._lists]
        if consumer is None:
            return frozenset()
        ends = await consumer.end_offsets(tps)
        return frozenset(tp.partition for tp in tps if self._places[tp] >= ends[tp])

    @property
    def behind(self) -> int:
        """Return how many records of the topics are not in the view yet, as of the last fetches."""
        consumer = self._consumer
        if consumer is None or not self.caught_up.is_set():
            return self.left
        ends = ((tp, consumer.highwater(tp)) for tp in self._places)
        return sum(max(0, (end or 0) - self._places[tp]) for tp, end in ends)

    @property
    def left(self) -> int:
        """Return how many records are not in the view yet, as of the last query of the ends."""
        return sum(max(0, end - self._places[tp]) for tp, end in self._ends.items())

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Seek each partition to the place that the view contains."""
        self._asked_at_s = time.time()
        tps = [tp for topic in self._kinds for tp in await partitions_of(consumer, topic)]
        spans = await spans_of(consumer, tps)
        consumer.assign(tps)
        for tp, span in spans.items():
            # A place behind the end is not of this partition: it is read again, which changes nothing.
            held = self._view.next_offset(tp.topic, tp.partition)
            place = held if span.start <= held <= span.end else span.start
            consumer.seek(tp, place)
            self._places[tp], self._ends[tp] = place, span.end

    async def _ask_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Query the ends of the topics; a time-out is retried with the next step."""
        now_s = time.time()
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(ASK_S):
                self._ends = await consumer.end_offsets(list(self._places))
                self._asked_at_s = now_s

    def _mark(self) -> None:
        """Mark the view as complete once it has reached the ends of the last query."""
        if self._asked_at_s > self._marked_at_s and not self.left:
            self._marked_at_s = self._asked_at_s
            self._view.mark_current(self._marked_at_s)

    async def _step(self, consumer: AIOKafkaConsumer) -> int:
        """Store one fetch of records and return how many there were."""
        n = 0
        try:
            fetched = await consumer.getmany(timeout_ms=200, max_records=RECORDS_AT_ONCE)
        except KafkaError as error:
            log.warning("topics_unread", extra={"reason": repr(error)})
            await asyncio.sleep(1)
            return 0
        for tp, records in fetched.items():
            self._take(tp, records)
            n += len(records)
        # Control records and compacted records have offsets, too.
        for tp in self._places:
            self._places[tp] = max(self._places[tp], await consumer.position(tp))
        await asyncio.sleep(0)
        return n

    def _take(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        kind, pairs = self._kinds[tp.topic], [(record.key, record.value) for record in records]
        place = records[-1].offset + 1
        changed = self._view.store(kind, tp.topic, tp.partition, pairs, place)
        self._places[tp] = place
        self._changed(kind, changed, pairs)

    def _log_progress(self, began: float, moved: float, logged: float) -> float:
        """Check and log the progress of the start; return the time of the last log message.

        Raises:
            NotReadableError: No record arrived for `ready_s` seconds.
        """
        now, left = time.monotonic(), self.left
        if not left:
            self.caught_up.set()
            log.info("topics_read", extra={"records": sum(self._places.values()), "seconds": round(now - began, 3)})
        elif now - moved > self._settings.worker.ready_s:
            message = (
                f"{left:,} records of the topics were not read, and none came for {self._settings.worker.ready_s:g} s."
            )
            raise NotReadableError(message)
        elif now - logged > PROGRESS_S:
            log.info("reading_topics", extra={"records_left": left})
            return now
        return logged
