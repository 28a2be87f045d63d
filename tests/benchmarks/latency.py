"""Play produced to list consumed, on the full path, at a fixed number of plays a second.

f=64, 10,000 items, 5,000 listeners with histories of about 30 items, the top 50 published. One process produces every
play by itself and consumes every list, on the same machine as the worker and the broker; a play counts as answered
by the first list of its listener that reflects its offset.
"""

import asyncio
import time
from collections import deque

import msgspec
import numpy as np
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import RecordMetadata

from cli.processes import WorkerProcess
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import topic_names
from tests.benchmarks.report import Row, report
from tests.benchmarks.stream import HISTORY, ITEMS, made_up_histories, plays_of
from tests.benchmarks.system import run_ours, system
from tests.made_up import made_up_factors, publish, send_plays

USERS, FACTORS = 5_000, 64
RATES = (100, 500, 1000, 2000)
SECONDS, WARM_S, ANSWER_S = 15.0, 3.0, 5.0


class Reflects(msgspec.Struct):
    """What the benchmark needs of a list."""

    user_id: str
    offset: int


class Stopwatch:
    """Times of plays that wait for their list, and of those that got it."""

    def __init__(self, settings: Settings, rate: int) -> None:
        """Measure at `rate` plays a second."""
        self.settings, self.rate = settings, rate
        self.waiting: dict[str, deque[tuple[int, float]]] = {}
        self.answers: dict[str, deque[tuple[int, float]]] = {}
        self.taken_ms: list[float] = []

    def sent(self, user: str, offset: int, at: float) -> None:
        """Note a play; its list may have come before Kafka's acknowledgement."""
        for answered, when in self.answers.get(user, ()):
            if answered >= offset:
                self.taken_ms.append(1000 * (when - at))
                return
        self.waiting.setdefault(user, deque()).append((offset, at))

    def answered(self, user: str, offset: int, when: float) -> None:
        """Note a list."""
        waiting = self.waiting.get(user, deque())
        while waiting and waiting[0][0] <= offset:
            self.taken_ms.append(1000 * (when - waiting.popleft()[1]))
        self.answers.setdefault(user, deque(maxlen=8)).append((offset, when))

    async def consume(self) -> None:
        """Follow the lists for ever."""
        topic = topic_names(self.settings).recommendations
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.brokers, fetch_max_wait_ms=100)
        await consumer.start()
        tps = [TopicPartition(topic, partition) for partition in range(self.settings.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_end()
        decode = msgspec.json.Decoder(Reflects).decode
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    now = time.perf_counter()
                    for record in records:
                        told = decode(record.value)
                        self.answered(told.user_id, told.offset, now)
        finally:
            await consumer.stop()

    async def produce(self) -> None:
        """Send plays of random listeners at the rate, each of an item taken at random."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.brokers, acks="all", linger_ms=0)
        await producer.start()
        rng = np.random.default_rng(self.rate)
        started = time.perf_counter()
        last = 0
        try:
            while (elapsed := time.perf_counter() - started) < WARM_S + SECONDS:
                for _ in range(int(elapsed * self.rate) - last):
                    last += 1
                    await self._send(producer, f"u{rng.integers(USERS)}", f"i{rng.integers(ITEMS)}", elapsed > WARM_S)
                await asyncio.sleep(0.001)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, user: str, item: str, timed: bool) -> None:  # noqa: FBT001
        play = {"user_id": user, "item_id": item, "played_at_ms": time.time_ns() // 1_000_000}
        at = time.perf_counter()
        future: asyncio.Future[RecordMetadata] = await producer.send(
            topic_names(self.settings).plays,
            msgspec.json.encode(play),
            user.encode(),
            partition=partition_of(user, self.settings.partitions),
        )
        if timed:
            future.add_done_callback(lambda done: self.sent(user, done.result().offset, at))

    async def measure(self) -> list[Row]:
        """Produce and consume, then wait for the last lists."""
        consuming = asyncio.create_task(self.consume())
        await asyncio.sleep(1)
        await self.produce()
        deadline = time.perf_counter() + ANSWER_S
        while any(self.waiting.values()) and time.perf_counter() < deadline:  # noqa: ASYNC110  bounded, and done once
            await asyncio.sleep(0.05)
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)
        unchanged = sum(map(len, self.waiting.values()))  # plays after which the list stayed as it was
        p50, p99 = np.percentile(self.taken_ms, (50, 99)).tolist()
        told = {"plays": len(self.taken_ms), "without_a_new_list": unchanged, "max_ms": max(self.taken_ms)}
        return [Row(f"p50_ms_{self.rate}", p50, "ms", **told), Row(f"p99_ms_{self.rate}", p99, "ms", **told)]


def rows() -> list[Row]:
    """Measure at every rate, one after the other, on one worker."""
    rng = np.random.default_rng(2)
    with system() as settings:
        send_plays(settings, plays_of(made_up_histories(USERS, rng)))
        run_ours(settings, "full", USERS * HISTORY)
        publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        run_ours(settings, "full", 0)
        worker = WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(60)
            return [row for rate in RATES for row in uvloop.run(Stopwatch(settings, rate).measure())]
        finally:
            worker.stop()


if __name__ == "__main__":
    report(rows())
