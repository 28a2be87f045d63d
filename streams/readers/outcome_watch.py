"""Waits for the workers' reports on events that this process has sent."""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.fetch.followed_partitions import FollowedPartitions
from streams.messages.outcomes import AwaitedOutcomes
from streams.messages.records import OutcomeSpan
from streams.readers.latest_pulse import read_pulse
from streams.readers.log_reader import log_skipped, partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

EARLY_MAX = 2000
"""Spans kept because their events may be expected in a moment: a report can overtake an acknowledgement."""
LATEST = 20
"""Records by which the start tells whether a worker runs."""
POLL_MS = 200
LIVE_S = 10.0
"""Seconds since the last pulse up to which a worker counts as running."""


class OutcomeWatch:
    """Counts the outcomes of expected events as workers report them."""

    def __init__(self, followed: FollowedPartitions, *, has_worker: bool) -> None:
        """Follow the partitions of the pulse; `has_worker` tells whether a worker runs at the moment."""
        self._followed, self._awaited = followed, AwaitedOutcomes()
        self._early: deque[OutcomeSpan] = deque(maxlen=EARLY_MAX)
        self._came, self._heard_at = asyncio.Event(), time.monotonic() if has_worker else -math.inf
        self._following: asyncio.Task[None] | None = None

    @property
    def counts(self) -> Counter[str]:
        """Return the expected events by outcome."""
        return self._awaited.counts

    @property
    def n_awaited(self) -> int:
        """Return the number of expected events that no worker has reported on."""
        return self._awaited.n_awaited

    def expect(self, partition: int, first: int, last: int) -> None:
        """Expect a report on the events from one offset to another."""
        self._awaited.expect(partition, first, last + 1)
        self._awaited.take(self._early)

    def start(self) -> None:
        """Take in reports from now on."""
        self._following = asyncio.create_task(self._follow(), name="outcomes")
        self._following.add_done_callback(lambda _: self._came.set())

    async def stop(self) -> None:
        """Take in no more reports."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def check(self) -> None:
        """Raise the error that has ended the taking in of reports, if any."""
        if self._following is not None and self._following.done() and not self._following.cancelled():
            self._following.result()

    async def _follow(self) -> None:
        """Take in reports, for ever; Kafka's errors are retried."""
        while True:
            async for _, records in self._followed.fetch(POLL_MS):
                for record in records:
                    self._take(record.key, record.value)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        pulse = read_pulse(key, value)
        if pulse is None:
            return
        self._heard_at = time.monotonic()
        self._awaited.take(pulse.outcomes)
        self._early += pulse.outcomes
        self._came.set()

    async def wait(self, seconds: float) -> None:
        """Wait until all expected events have an outcome, for so long at most, and only while a worker runs.

        Raises:
            MissingRightError: The right to read reports is missing.
        """
        ends = time.monotonic() + seconds
        self.check()
        while self.n_awaited and (left_s := min(ends, self._heard_at + LIVE_S) - time.monotonic()) > 0:
            self._came.clear()
            self.check()
            try:
                async with asyncio.timeout(left_s):
                    await self._came.wait()
            except TimeoutError:
                return


@asynccontextmanager
async def watch_outcomes(settings: Settings) -> AsyncIterator[OutcomeWatch]:
    """Follow the reports of workers from now on.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
        MissingRightError: The right to read reports is missing.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic_names(settings).pulse)
        spans = await spans_of(consumer, tps)
        ends, starts = (
            {tp: span.end for tp, span in spans.items()},
            {tp: span.end - LATEST for tp, span in spans.items()},
        )
        latest_ms = 0
        async for _, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, log_skipped):
            latest_ms = max(latest_ms, *(record.timestamp for record in records))
        consumer.assign(tps)
        watch = OutcomeWatch(FollowedPartitions(consumer, ends), has_worker=latest_ms > 1000 * (time.time() - LIVE_S))
        watch.start()
        try:
            yield watch
            watch.check()
        finally:
            await watch.stop()
