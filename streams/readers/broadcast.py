"""Follows a compacted topic in every process, without a consumer group."""

import asyncio
from collections.abc import Callable
from typing import Self

from streams.fetch.unreadable_places import UnreadablePlaces
from streams.readers.followed_topic import FollowedTopic, OnRemade, ignore_remade
from streams.readers.log_reader import reader
from streams.settings.deployment import KafkaSettings

RECORDS_AT_ONCE = 500
"""Records handled before other tasks run: a few milliseconds."""
OnRecord = Callable[[bytes | None, bytes | None], None]


class Broadcast:
    """Reads a topic to its end before it is ready, then follows it in a task.

    `on_record` is called with key and value of every record, in order, on the event loop; it must not block.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        on_record: OnRecord,
        timeout_s: float,
        unreadable: UnreadablePlaces | None = None,
        on_remade: OnRemade = ignore_remade,
    ) -> None:
        """Prepare to follow `topic`, whose places that cannot be read are reported to `unreadable`.

        Without `unreadable`, a missing right to read ends the following. `on_remade` is called before the first record
        of a topic that was deleted and made again, which is read from its beginning.
        """
        self._kafka, self._topic, self._timeout_s, self._unreadable = kafka, topic, timeout_s, unreadable
        self._on_record, self._on_remade = on_record, on_remade
        self._task: asyncio.Task[None] | None = None
        self._followed: FollowedTopic | None = None

    @property
    def topic_id(self) -> str:
        """Return the id of the topic that the places are in; empty before the start."""
        return "" if self._followed is None else self._followed.topic_id

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
            followed = FollowedTopic(consumer, self._topic, unreadable=self._unreadable, on_remade=self._on_remade)
            await followed.begin()
            self._followed = followed
            while True:
                if not caught_up.is_set() and self._reached(followed):
                    caught_up.set()
                await asyncio.sleep(0)  # fetched records are returned without a wait
                async for _, records in followed.fetch(200, RECORDS_AT_ONCE):
                    for record in records:
                        self._on_record(record.key, record.value)

    def _reached(self, followed: FollowedTopic) -> bool:
        """Return whether every partition is read to its end, without those that cannot be read."""
        places = followed.places
        return all(places.get(tp, 0) >= span.end or followed.is_blocked(tp) for tp, span in followed.spans.items())
