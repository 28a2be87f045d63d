"""The offsets that workers have committed on `plays`: for the lag, and for readers that wait for a play."""

import asyncio
import logging

from aiokafka.errors import KafkaError

from streams.connection.credentials import CredentialsError
from streams.readers.lag import lag_of
from streams.settings import Settings
from web.feeds.list_waiters import ListWaiters
from web.feeds.outcome_feed import OutcomeFeed
from web.feeds.present_epoch import PresentEpoch
from web.feeds.topic_follower import TopicFollower

log = logging.getLogger(__name__)

QUIET_S = 1.0
AWAITED_S = 0.1
"""Seconds between two polls while no reader waits for long, and while one does; workers commit once a second.

A reader waits for long after the second time. Most lists come earlier, and a busy gateway would poll all the time.
"""
LOOK_S = 5.0


class CommitProgress:
    """Polls the offsets that the workers have committed.

    A play that does not change its listener's list publishes no list. It is settled once the workers have committed
    it and this gateway holds every list that was on the topic at that moment.

    Attributes:
        lags: Plays of each partition that are not committed; None while Kafka does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        follower: TopicFollower,
        waiters: ListWaiters,
        epoch: PresentEpoch,
        outcomes: OutcomeFeed,
    ) -> None:
        """Wake `waiters` whenever a play is settled; pass the id of the topic of plays to `epoch` and `outcomes`."""
        self._settings, self._follower, self._waiters = settings, follower, waiters
        self._epoch, self._outcomes = epoch, outcomes
        self._settled: dict[int, int] = {}
        self.lags: dict[int, int] | None = None

    @property
    def lag(self) -> int | None:
        """Return how many plays are not committed."""
        return None if self.lags is None else sum(self.lags.values())

    def is_settled(self, partition: int, offset: int) -> bool:
        """Return whether the gateway holds every list that follows from a play."""
        return self._settled.get(partition, 0) > offset

    async def run(self) -> None:
        """Poll for ever; retry while Kafka does not answer."""
        failing = False
        while True:
            try:
                await self._look()
            except (KafkaError, TimeoutError, ConnectionError, CredentialsError) as error:
                self.lags = None
                if not failing:
                    log.warning("progress_unknown", extra={"reason": repr(error)})
                failing = True
                await asyncio.sleep(QUIET_S)
            else:
                failing = False

    async def _look(self) -> None:
        """Poll until Kafka fails."""
        clock = asyncio.get_running_loop().time
        async with lag_of(self._settings) as lag:
            while True:
                polled_at = clock()
                async with asyncio.timeout(LOOK_S):
                    self._take_topic(await lag.plays_id())
                    spans = await lag.spans()
                    self.lags = {partition: span.end - span.start for partition, span in spans.items()}
                    reached = await self._follower.reached() if self._waiters.any else frozenset()
                settled = {partition: spans[partition].start for partition in reached if partition in spans}
                if settled:
                    self._settled |= settled
                    self._waiters.wake_all()
                await asyncio.sleep(AWAITED_S)
                while clock() - polled_at < QUIET_S and not self._waiters.any_for(AWAITED_S):  # noqa: ASYNC110  time alone decides
                    await asyncio.sleep(AWAITED_S)

    def _take_topic(self, topic_id: str | None) -> None:
        """Store the id of the topic of plays; offsets of another topic say nothing about this one."""
        if topic_id != self._epoch.topic_id:
            self._settled.clear()
            self._epoch.topic_id = topic_id
            self._outcomes.follow_topic(topic_id)
