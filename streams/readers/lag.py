"""How far the consumer group is behind the plays topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from streams.readers.log_reader import Span, partitions_of, reader
from streams.settings import Settings
from streams.topics.topics import topic_names


class Lag:
    """The lag of the workers: plays that stand on the topic and are not yet committed by them."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, settings: Settings) -> None:
        """Ask by these clients."""
        self._consumer, self._admin, self._settings = consumer, admin, settings

    async def plays(self) -> int:
        """Return the lag of all partitions together, as of the last commit: workers commit every second."""
        return sum(span.end - span.start for span in (await self.spans()).values())

    async def spans(self) -> dict[int, Span]:
        """Return from where to where each partition of `plays` is not committed yet."""
        tps = await partitions_of(self._consumer, topic_names(self._settings).plays)
        committed = await self._admin.list_consumer_group_offsets(self._settings.application.group)
        ends = await self._consumer.end_offsets(tps)
        return {
            tp.partition: Span(max(committed[tp].offset, 0) if tp in committed else 0, end) for tp, end in ends.items()
        }


@asynccontextmanager
async def lag_of(settings: Settings) -> AsyncIterator[Lag]:
    """Connect to ask for the lag.

    Raises:
        LogReadError: No broker answered.
    """
    async with reader(settings.kafka.brokers, settings.kafka.timeout_s) as consumer:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
        try:
            await admin.start()
            yield Lag(consumer, admin, settings)
        finally:
            await admin.close()
