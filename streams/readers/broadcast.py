"""Follows a compacted topic in every process, without a consumer group."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.fetch.followed_partitions import FollowedPartitions
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.process.run_tasks import run_until_stopped
from streams.readers.log_reader import Span, partitions_of, reader, spans_of
from streams.settings.deployment import KafkaSettings
from streams.topics.identity import topic_id_of

log = logging.getLogger(__name__)

RECORDS_AT_ONCE = 500
"""Records handled before other tasks run: a few milliseconds."""
WATCH_S = 1.0
"""Seconds between two requests for the id of the topic."""
ASK_S = 5.0
"""Longest wait for the id."""
OnRecord = Callable[[bytes | None, bytes | None], None]


class Broadcast:
    """Reads a topic to its end before it is ready, then follows it in a task.

    `on_record` is called with key and value of every record, in order, on the event loop; it must not block. A topic
    that is deleted and made again is read from its beginning.

    Attributes:
        topic_id: Id of the topic that the places are in; empty before the start.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        on_record: OnRecord,
        timeout_s: float,
        unreadable: UnreadablePlaces | None = None,
        on_remade: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to follow `topic`, whose places that cannot be read are reported to `unreadable`.

        Without `unreadable`, a missing right to read ends the following. `on_remade` is called once the topic was made
        again, before its records are read.
        """
        self._kafka, self._topic, self._timeout_s, self._unreadable = kafka, topic, timeout_s, unreadable
        self._on_record, self._on_remade = on_record, on_remade
        self._task: asyncio.Task[None] | None = None
        self._followed: FollowedPartitions | None = None
        self._remade, self._former_ids = False, set[str]()
        self.topic_id = ""

    @property
    def places(self) -> dict[int, int]:
        """Return the offset before which each partition is taken in; empty before the start."""
        places = {} if self._followed is None else self._followed.places
        return {tp.partition: place for tp, place in places.items()}

    async def start(self) -> None:
        """Read the topic to its end, then follow it in the background.

        Raises:
            LogReadError: The topic does not exist, or no broker answered.
        """
        caught_up = asyncio.Event()
        self._task = asyncio.create_task(self._follow(caught_up), name=f"broadcast-{self._topic}")
        waiting = asyncio.create_task(caught_up.wait())
        await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def failed(self) -> None:
        """Wait until following fails, and raise the error."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def _follow(self, caught_up: asyncio.Event) -> None:
        async with reader(self._kafka, self._timeout_s) as consumer:
            await self._compare_id(consumer)
            await run_until_stopped([self._read(consumer, caught_up), self._watch_id(consumer)], asyncio.Event())

    async def _read(self, consumer: AIOKafkaConsumer, caught_up: asyncio.Event) -> None:
        """Read the topic, again from its beginning once it was made again."""
        partitions = await partitions_of(consumer, self._topic)
        consumer.assign(partitions)
        spans = await spans_of(consumer, partitions)
        followed = self._begin(consumer, {tp: span.start for tp, span in spans.items()})
        while True:
            if self._remade:
                self._on_remade()
                # If Kafka has deleted the first records, aiokafka goes on at the first one that is left.
                followed = self._begin(consumer, dict.fromkeys(partitions, 0))
            if not caught_up.is_set() and self._reached(followed, spans):
                caught_up.set()
            await asyncio.sleep(0)  # fetched records are returned without a wait
            async for _, records in followed.fetch(200, RECORDS_AT_ONCE):
                for record in records:
                    self._on_record(record.key, record.value)

    def _begin(self, consumer: AIOKafkaConsumer, places: dict[TopicPartition, int]) -> FollowedPartitions:
        self._remade = False
        self._followed = followed = FollowedPartitions(consumer, places, self._unreadable)
        return followed

    async def _watch_id(self, consumer: AIOKafkaConsumer) -> None:
        """Ask for the id of the topic for ever."""
        while True:
            await asyncio.sleep(WATCH_S)
            await self._compare_id(consumer)

    async def _compare_id(self, consumer: AIOKafkaConsumer) -> None:
        """Ask for the id of the topic; it is asked for again while Kafka does not answer, or the topic is gone.

        A broker that is behind may still give an earlier id.
        """
        topic_id = None
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(ASK_S):
                topic_id = await topic_id_of(consumer._client, self._topic)  # noqa: SLF001  no public call has ids
        if topic_id is None or topic_id in self._former_ids:
            return
        if self.topic_id not in ("", topic_id):
            log.warning("topic_remade", extra={"topic": self._topic, "topic_id": topic_id, "before": self.topic_id})
            self._former_ids.add(self.topic_id)
            self._remade = True
        self.topic_id = topic_id

    def _reached(self, followed: FollowedPartitions, spans: Mapping[TopicPartition, Span]) -> bool:
        """Return whether every partition is read to its end, without those that cannot be read."""
        return all(followed.places[tp] >= span.end or followed.unreadable.is_blocked(tp) for tp, span in spans.items())
