"""Times from a play to its list: a load of plays at a pace, and a stopwatch that follows the lists.

One process produces every play by itself and consumes every list, on the same machine as the worker and the broker; a
play counts as answered by the first list of its listener that reflects its offset. A list that a play did not change
is not published: the next play's list then reflects both. Such a play is counted apart, since its time is the pause
between two plays of a listener.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import RecordMetadata

from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names

ANSWER_S = 5.0
GROUP_S = 1.0
"""Longest time between two plays of a listener whose one list may be that of both: a slower worker is seen as slow."""


class Reflects(msgspec.Struct):
    """The part of a list that a stopwatch needs."""

    user_id: str
    offset: int


class Load(NamedTuple):
    """Plays of listeners `u0`, `u1`, ... taken at random, each of an item taken at random, at a pace."""

    n_users: int
    n_items: int
    plays_per_s: int


class Stopwatch:
    """Times of plays that wait for their list, and of those that got it.

    Attributes:
        taken_ms: From sending a play to having its list, in milliseconds.
        n_unchanged: Plays that did not change their list.
        timed: Whether plays that are sent now are timed.
    """

    def __init__(self, settings: Settings) -> None:
        """Follow the lists of a playfold."""
        self.settings = settings
        self.taken_ms: list[float] = []
        self.n_unchanged = 0
        self.timed = False
        self._waiting: dict[str, deque[tuple[int, float]]] = {}
        self._answers: dict[str, deque[tuple[int, float]]] = {}

    @property
    def n_waiting(self) -> int:
        """Return how many timed plays have no list yet."""
        return sum(map(len, self._waiting.values()))

    def begin(self) -> None:
        """Forget all times and all plays without a new list; time the plays that are sent from now on."""
        self.taken_ms, self.n_unchanged, self.timed = [], 0, True
        self._waiting.clear()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the lists meanwhile."""
        async with asyncio.timeout(30):
            consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka.brokers, fetch_max_wait_ms=100)
            await consumer.start()
            topic = topic_names(self.settings).recommendations
            consumer.assign([TopicPartition(topic, partition) for partition in range(self.settings.topics.partitions)])
            await consumer.seek_to_end()
        task = asyncio.create_task(self._follow(consumer))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        decode = msgspec.json.Decoder(Reflects).decode
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                now = time.perf_counter()
                for record in records:
                    recommendations = decode(record.value)
                    self._answered(recommendations.user_id, recommendations.offset, now)

    async def send(self, load: Load, seconds: float, rng: np.random.Generator) -> None:
        """Send plays at the pace, and do not wait for their lists."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka.brokers, acks="all", linger_ms=0)
        await producer.start()
        started, sent = time.perf_counter(), 0
        try:
            while (elapsed := time.perf_counter() - started) < seconds:
                for _ in range(int(elapsed * load.plays_per_s) - sent):
                    sent += 1
                    await self._send(producer, f"u{rng.integers(load.n_users)}", f"i{rng.integers(load.n_items)}")
                await asyncio.sleep(0.001)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, user: str, item: str) -> None:
        play = {"user_id": user, "item_id": item, "played_at_ms": time.time_ns() // 1_000_000}
        at = time.perf_counter()
        future: asyncio.Future[RecordMetadata] = await producer.send(
            topic_names(self.settings).plays,
            msgspec.json.encode(play),
            user.encode(),
            partition=partition_of(user, self.settings.topics.partitions),
        )
        if self.timed:
            future.add_done_callback(lambda done: self._sent(user, done.result().offset, at))

    def _sent(self, user: str, offset: int, at: float) -> None:
        """Note a play; its list may have come before Kafka's acknowledgement."""
        for answered, when in self._answers.get(user, ()):
            if answered >= offset:
                self.taken_ms.append(1000 * (when - at))
                return
        self._waiting.setdefault(user, deque()).append((offset, at))

    def _answered(self, user: str, offset: int, when: float) -> None:
        """Note a list."""
        waiting = self._waiting.get(user, deque())
        answered = [waiting.popleft() for _ in range(sum(place <= offset for place, _ in waiting))]
        for _, at in answered:
            if answered[-1][1] - at > GROUP_S:
                self.n_unchanged += 1
            else:
                self.taken_ms.append(1000 * (when - at))
        self._answers.setdefault(user, deque(maxlen=8)).append((offset, when))

    async def all_answered(self) -> None:
        """Wait for the last lists; some plays may leave the list as it was."""
        deadline = time.perf_counter() + ANSWER_S
        while self.n_waiting and time.perf_counter() < deadline:  # noqa: ASYNC110  bounded, and done once
            await asyncio.sleep(0.05)
