"""Follows the topics of a gateway's view: first to their end, then as they grow."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from state.gateway_view.keys import ITEM, LIST
from state.gateway_view.view import View
from streams.fetch.followed_partitions import FollowedPartitions
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.process.run_tasks import run_until_stopped
from streams.readers.log_reader import LogReadError, partitions_of, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from web.feeds.list_answers import ListAnswers
from web.feeds.view_topics import ViewTopics, kinds_of_topics

log = logging.getLogger(__name__)

RECORDS_AT_ONCE = 32
"""Records stored before requests are served again: about a millisecond of work."""
PROGRESS_S = 2.0
MARK_S = 30.0
"""Seconds between two marks that the view is complete."""
ASK_S = 5.0
RETRY_S = 0.2
REMOVED_AT_ONCE = 1000
"""Items removed before requests are served again."""
Record = tuple[bytes | None, bytes | None]
"""Key and value."""
Changed = Callable[[bytes, Sequence[tuple[str, int]], Sequence[Record]], None]
"""Called after each fetch with the kind, the listeners whose lists changed, and the records."""


class NotReadableError(LogReadError):
    """The gateway cannot read its topics to their end. Check the broker, and restart the gateway."""


class TopicFollower:
    """Keeps a view in step with its topics, with a consumer that has no group.

    A partition whose fetch fails does not stop the others. A batch that does not decode is skipped, but the view's
    place stays before it, so the next start reads it again. A topic that is deleted and made again is read from its
    beginning, and the records of the old one are removed.

    Attributes:
        caught_up: Set once the topics are read up to their ends, without partitions whose fetch fails. It is cleared
            when a topic was made again.
        unreadable: The places that could not be read.
    """

    def __init__(
        self,
        settings: Settings,
        view: View,
        changed: Changed,
        unreadable: UnreadablePlaces | None = None,
        answers: ListAnswers | None = None,
    ) -> None:
        """Fill `view`, and call `changed` after every fetch; `answers` takes the headers of lists before."""
        self._answers = answers or ListAnswers()
        self._kinds, self._lists = kinds_of_topics(settings), topic_names(settings).recommendations
        self._topics = ViewTopics(settings, view)
        self._settings, self._view, self._changed = settings, view, changed
        self._ends: dict[TopicPartition, int] = {}
        self._places: dict[TopicPartition, int] = {}
        self._gone: frozenset[str] = frozenset()
        self.unreadable = UnreadablePlaces() if unreadable is None else unreadable
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
            parts = self._follow(consumer), self._topics.watch(consumer), self._watch_ends(consumer)
            await run_until_stopped(parts, asyncio.Event())

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        followed = await self._begin(consumer)
        self._consumer = consumer
        began = moved = logged = time.monotonic()
        while True:
            if self._topics.remade or self._topics.gone != self._gone:
                followed = await self._begin_anew(consumer)
                began = moved = logged = time.monotonic()
            n = await self._step(followed)
            moved = time.monotonic() if n else moved
            if not self.caught_up.is_set():
                logged = self._log_progress(began, moved, logged)
            self._mark()

    async def _watch_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Query the ends of the topics from time to time, beside the fetches: a topic may not answer."""
        while True:
            await asyncio.sleep(MARK_S)
            if self.caught_up.is_set():
                await self._ask_ends(consumer)

    async def _begin_anew(self, consumer: AIOKafkaConsumer) -> FollowedPartitions:
        """Follow the topics that exist: those that were made again from their beginnings, without their old records.

        Raises:
            LogReadError: They are not there for `kafka_timeout_s` seconds, or Kafka does not answer.
        """
        for topic, topic_id in list(self._topics.remade.items()):
            log.warning("topic_remade", extra={"topic": topic, "topic_id": topic_id})
            self.caught_up.clear()
            await self._remove_records(topic)
        deadline = time.monotonic() + self._settings.kafka.timeout_s
        while True:
            self._report_gone()
            try:
                return await self._begin(consumer)
            except LogReadError:  # a broker that is behind does not know the new topic yet
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(RETRY_S)

    def _report_gone(self) -> None:
        """Report the partitions of topics that do not exist; aiokafka would ask for their leaders without a pause."""
        before, self._gone = self._gone, self._topics.gone
        for topic in before - self._gone:
            self.unreadable.forget(topic)
        for tp in [tp for tp in self._places if tp.topic in self._gone - before]:
            self.unreadable.block(tp, self._places[tp], "the topic does not exist")

    async def _remove_records(self, topic: str) -> None:
        """Remove the records of a topic that was made again."""
        items = await asyncio.to_thread(self._item_ids) if self._kinds[topic] == ITEM else []
        self._topics.drop(topic)
        self.unreadable.forget(topic)
        for first in range(0, len(items), REMOVED_AT_ONCE):
            self._changed(ITEM, [], [(key, None) for key in items[first : first + REMOVED_AT_ONCE]])
            await asyncio.sleep(0)

    def _item_ids(self) -> list[bytes]:
        return [item_id for item_id, _ in self._view.all_items()]

    async def reached(self) -> frozenset[int]:
        """Ask Kafka for the ends, and return the partitions whose lists are all in the view."""
        consumer, places = self._consumer, self._places
        tps = [tp for tp in places if tp.topic == self._lists]
        if consumer is None:
            return frozenset()
        ends = await consumer.end_offsets(tps)
        if places is not self._places:  # a topic that was made again has other ends
            return frozenset()
        return frozenset(tp.partition for tp in tps if places[tp] >= ends[tp])

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
        """Return how many records are not in the view yet, as of the last query of the ends.

        The records of a partition whose fetch fails are left out.
        """
        return sum(
            max(0, end - self._places[tp]) for tp, end in self._ends.items() if not self.unreadable.is_blocked(tp)
        )

    async def _begin(self, consumer: AIOKafkaConsumer) -> FollowedPartitions:
        """Follow each partition of the topics that exist from the place that the view contains."""
        self._asked_at_s = time.time()
        present = [topic for topic in self._kinds if topic not in self._gone]
        tps = [tp for topic in present for tp in await partitions_of(consumer, topic)]
        spans = await spans_of(consumer, tps)
        consumer.assign(tps)
        consumer._client.set_topics(list(self._kinds))  # noqa: SLF001  asks also for a topic that is gone, for its return
        self._ends, self._places = {}, {}
        for tp, span in spans.items():
            # A place behind the end is not of this partition: it is read again, which changes nothing.
            held = self._view.next_offset(tp.topic, tp.partition)
            self._places[tp] = held if span.start <= held <= span.end else span.start
            self._ends[tp] = span.end
        followed = FollowedPartitions(consumer, self._places, self.unreadable)
        self._places = followed.places
        return followed

    async def _ask_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Query the ends of the topics, and trim the gaps. After an error the earlier ends remain."""
        now_s, places = time.time(), self._places
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(ASK_S):
                ends = await consumer.end_offsets(list(places))
                if places is self._places:  # a topic that was made again has other ends
                    self._ends, self._asked_at_s = ends, now_s
        await self._trim(consumer)

    async def _trim(self, consumer: AIOKafkaConsumer) -> None:
        """Drop gaps that Kafka deleted. Other followers report theirs to the same places, and ask for no beginnings.

        A partition that does not exist any more gives no answer, and must not hide those of the others.
        """
        for tp in list(self.unreadable.gaps):
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    self.unreadable.trim(tp, (await consumer.beginning_offsets([tp]))[tp])

    def _mark(self) -> None:
        """Mark the view as complete once it has reached the ends of the last query, and nothing was unreadable."""
        if self._asked_at_s <= self._marked_at_s or self._gone or self.left:
            return
        if all(self.unreadable.is_whole(*tp) for tp in self._places):
            self._marked_at_s = self._asked_at_s
            self._view.mark_current(self._marked_at_s)

    async def _step(self, followed: FollowedPartitions) -> int:
        """Store one fetch of records and return how many there were."""
        n = 0
        async for tp, records in followed.fetch(200, RECORDS_AT_ONCE):
            self._take(tp, records)
            n += len(records)
        await asyncio.sleep(0)
        return n

    def _take(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        kind, pairs = self._kinds[tp.topic], [(record.key, record.value) for record in records]
        place = records[-1].offset + 1
        gap = self.unreadable.gaps.get(tp)
        stored_place = place if gap is None else min(place, gap.first)
        changed = self._view.store(kind, tp.topic, tp.partition, pairs, stored_place)
        self._places[tp] = place
        if kind == LIST and self._answers.any:
            self._answers.take(record.headers for record in records)
        self._changed(kind, changed, pairs)

    def _log_progress(self, began: float, moved: float, logged: float) -> float:
        """Check and log the progress of the start; return the time of the last log message.

        Raises:
            NotReadableError: No record arrived for `ready_s` seconds, and no partition is read to its end.
        """
        now, left = time.monotonic(), self.left
        if not left and not all(self.unreadable.is_blocked(tp) for tp in self._ends):
            self.caught_up.set()
            log.info("topics_read", extra={"records": sum(self._places.values()), "seconds": round(now - began, 3)})
        elif now - moved > self._settings.worker.ready_s:
            self._block_silent()
        elif now - logged > PROGRESS_S:
            log.info("reading_topics", extra={"records_left": left})
            return now
        return logged

    def _block_silent(self) -> None:
        """Go on without the partitions of which Kafka sends nothing, such as those on a damaged disk.

        Raises:
            NotReadableError: No partition is read to its end.
        """
        ready_s = self._settings.worker.ready_s
        silent = [tp for tp, end in self._ends.items() if self._places[tp] < end]
        if all(tp in silent for tp, end in self._ends.items() if end):
            n_left = sum(self._ends[tp] - self._places[tp] for tp in silent)
            message = f"{n_left:,} records of the topics were not read, and none came for {ready_s:g} s."
            raise NotReadableError(message)
        for tp in silent:
            self.unreadable.block(tp, self._places[tp], f"no record came for {ready_s:g} s")
