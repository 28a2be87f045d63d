"""Follows the pulses of workers, and waits for the reports that a sender expects."""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.messages.pulse import Pulse
from streams.readers.followed_topic import FollowedTopic
from streams.readers.latest_pulse import read_pulse
from streams.readers.log_reader import log_skipped, partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

LATEST = 20
"""Records by which the start tells whether a worker runs."""
POLL_MS = 200
LIVE_S = 10.0
"""Seconds since the last pulse up to which a worker counts as running."""


class PulseWatch(ABC):
    """Takes in pulses, and waits for those that are expected."""

    def __init__(self) -> None:
        """Expect nothing."""
        self._came, self._heard_at = asyncio.Event(), -math.inf
        self._unheard, self._began_at = set[str](), -math.inf
        self._following: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def is_awaiting(self) -> bool:
        """Return whether an expected report has not come."""

    @abstractmethod
    def take(self, pulse: Pulse, heard_at: float) -> None:
        """Take in a pulse that came at a time of the monotonic clock, in seconds."""

    def begin(self, latest: Mapping[str, tuple[Pulse, float]]) -> None:
        """Take in the latest pulse of each worker from before the start, and the seconds since then.

        These seconds are wrong if the worker's clock differs from the one here. So if no worker seems to run, all of
        them count as unheard, and a wait lasts until they are heard, or have been silent for `LIVE_S` here.
        """
        self._began_at = time.monotonic()
        self._heard_at = max((self._began_at - max(0.0, ago_s) for _, ago_s in latest.values()), default=-math.inf)
        if self._heard_at + LIVE_S <= self._began_at and latest:
            self._heard_at, self._unheard = self._began_at, set(latest)

    @property
    def is_unheard(self) -> bool:
        """Return whether a worker may run that seemed to have ended before the start."""
        return bool(self._unheard) and time.monotonic() < self._began_at + LIVE_S

    def start(self, followed: FollowedTopic) -> None:
        """Take in pulses from now on."""
        self._following = asyncio.create_task(self._follow(followed), name="pulses")
        self._following.add_done_callback(lambda _: self._came.set())

    async def stop(self) -> None:
        """Take in no more pulses."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def check(self) -> None:
        """Raise the error that has ended the taking in of pulses, if any."""
        if self._following is not None and self._following.done() and not self._following.cancelled():
            self._following.result()

    async def _follow(self, followed: FollowedTopic) -> None:
        """Take in pulses, for ever; Kafka's errors are retried."""
        while True:
            async for _, records in followed.fetch(POLL_MS):
                for record in records:
                    pulse = read_pulse(record.key, record.value)
                    if pulse is not None:
                        self._heard_at = time.monotonic()
                        self._unheard.discard(pulse.instance)
                        self.take(pulse, self._heard_at)
                        self._came.set()

    async def wait(self, seconds: float) -> None:
        """Wait until nothing is awaited, for so long at most, and only while a worker runs or may run.

        Raises:
            MissingRightError: The right to read reports is missing.
        """
        ends = time.monotonic() + seconds
        self.check()
        while self.is_awaiting and (left_s := min(ends, self._heard_at + LIVE_S) - time.monotonic()) > 0:
            self._came.clear()
            self.check()
            try:
                async with asyncio.timeout(left_s):
                    await self._came.wait()
            except TimeoutError:
                return


_Watch = TypeVar("_Watch", bound=PulseWatch)


@asynccontextmanager
async def watching(watch: _Watch, settings: Settings) -> AsyncIterator[_Watch]:
    """Follow the pulses of workers from now on.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
        MissingRightError: The right to read reports is missing.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        topic = topic_names(settings).pulse
        ends = {tp: span.end for tp, span in (await spans_of(consumer, await partitions_of(consumer, topic))).items()}
        watch.begin(await _latest(consumer, ends, settings.kafka.timeout_s))
        followed = FollowedTopic(consumer, topic, lambda tp, span: min(ends.get(tp, span.start), span.end))
        await followed.begin()
        watch.start(followed)
        try:
            yield watch
            watch.check()
        finally:
            await watch.stop()


async def _latest(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], timeout_s: float
) -> dict[str, tuple[Pulse, float]]:
    """Return the latest pulse of each worker among the last records, and the seconds since then."""
    starts, latest = {tp: end - LATEST for tp, end in ends.items()}, dict[str, tuple[Pulse, float]]()
    async for _, records in read_span(consumer, ends, starts, timeout_s, log_skipped):
        for record in records:
            pulse = read_pulse(record.key, record.value)
            if pulse is not None:
                latest[pulse.instance] = pulse, time.time() - record.timestamp / 1000
    return latest
