"""Reads the topics that a gateway holds: first to their end, then as they grow."""

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
"""Records taken in before requests have their turn: a millisecond or so."""
PROGRESS_S = 2.0
MARK_S = 30.0
"""Between two notes that everything is held."""
ASK_S = 5.0
Record = tuple[bytes | None, bytes | None]
"""Key and value."""
Changed = Callable[[bytes, Sequence[tuple[str, int]], Sequence[Record]], None]
"""Told of what was taken: the kind, the listeners whose lists changed, and the records."""


class NotReadableError(LogReadError):
    """A gateway does not get to the end of its topics. Look at the broker, and start it again."""


class TopicFollower:
    """Keeps a view in step with its topics, by a consumer that belongs to no group.

    Attributes:
        caught_up: Set once everything has been read that stood on the topics at the start.
    """

    def __init__(self, settings: Settings, view: View, changed: Changed) -> None:
        """Fill `view`, and tell `changed` of every step."""
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
        """Read for ever.

        Raises:
            LogReadError: A topic is missing, or Kafka does not answer at the start.
            NotReadableError: The start got nowhere for `ready_s` seconds.
        """
        async with reader(self._settings.kafka.brokers, self._settings.kafka.timeout_s) as consumer:
            await self._begin(consumer)
            self._consumer = consumer
            began = moved = told = time.monotonic()
            while True:
                n = await self._step(consumer)
                moved = time.monotonic() if n else moved
                if not self.caught_up.is_set():
                    told = self._look(began, moved, told)
                elif time.time() - self._asked_at_s > MARK_S:
                    await self._ask_ends(consumer)
                self._mark()

    async def reached(self) -> frozenset[int]:
        """Return the partitions of which every list is held that stands there now; a question to Kafka."""
        consumer, tps = self._consumer, [tp for tp in self._places if tp.topic == self._lists]
        if consumer is None:
            return frozenset()
        ends = await consumer.end_offsets(tps)
        return frozenset(tp.partition for tp in tps if self._places[tp] >= ends[tp])

    @property
    def behind(self) -> int:
        """Return how many records of the topics are not held yet, as of the last fetches."""
        consumer = self._consumer
        if consumer is None or not self.caught_up.is_set():
            return self.left
        ends = ((tp, consumer.highwater(tp)) for tp in self._places)
        return sum(max(0, (end or 0) - self._places[tp]) for tp, end in ends)

    @property
    def left(self) -> int:
        """Return how many records of those are not held yet that stood on the topics when their ends were asked for."""
        return sum(max(0, end - self._places[tp]) for tp, end in self._ends.items())

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Go to where each partition was read to."""
        self._asked_at_s = time.time()
        tps = [tp for topic in self._kinds for tp in await partitions_of(consumer, topic)]
        spans = await spans_of(consumer, tps)
        consumer.assign(tps)
        for tp, span in spans.items():
            # A place behind the end is not of this partition: so much is read again, which changes nothing.
            held = self._view.place(tp.topic, tp.partition)
            place = held if span.start <= held <= span.end else span.start
            consumer.seek(tp, place)
            self._places[tp], self._ends[tp] = place, span.end

    async def _ask_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Ask anew where the topics end; a Kafka that does not answer is asked again."""
        now_s = time.time()
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(ASK_S):
                self._ends = await consumer.end_offsets(list(self._places))
                self._asked_at_s = now_s

    def _mark(self) -> None:
        """Take note of when everything was held: once all is that stood on the topics when they were asked last."""
        if self._asked_at_s > self._marked_at_s and not self.left:
            self._marked_at_s = self._asked_at_s
            self._view.mark_current(self._marked_at_s)

    async def _step(self, consumer: AIOKafkaConsumer) -> int:
        """Take in what has come, some of it; return how many records that were."""
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
        # Control records and what compaction removed have offsets, too.
        for tp in self._places:
            self._places[tp] = max(self._places[tp], await consumer.position(tp))
        await asyncio.sleep(0)
        return n

    def _take(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        kind, pairs = self._kinds[tp.topic], [(record.key, record.value) for record in records]
        place = records[-1].offset + 1
        changed = self._view.take(kind, tp.topic, tp.partition, pairs, place)
        self._places[tp] = place
        self._changed(kind, changed, pairs)

    def _look(self, began: float, moved: float, told: float) -> float:
        """See how far the start has come; return when that was told last.

        Raises:
            NotReadableError: It gets nowhere.
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
        elif now - told > PROGRESS_S:
            log.info("reading_topics", extra={"records_left": left})
            return now
        return told
