"""The lag of the consumer group on the plays topic."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.connection.clients import new_async_admin
from streams.readers.log_reader import Span, partitions_of, reader
from streams.settings import Settings
from streams.topics.identity import topic_id_of
from streams.topics.topics import topic_names

AGAIN_S = 0.2
"""Pause before the next request for the committed offsets."""


class GroupOffsets(NamedTuple):
    """The offsets of a partition of `plays`."""

    committed: int | None
    """The offset from which workers go on; None: the group has none, or it has expired."""
    start: int
    """The first offset that Kafka has."""
    end: int
    """The offset after the last record."""

    @property
    def uncommitted(self) -> Span:
        """Return the offsets that are not committed."""
        return Span(self.start if self.committed is None else min(self.committed, self.end), self.end)

    @property
    def n_lost(self) -> int:
        """Return how many offsets Kafka deleted before they were committed."""
        return 0 if self.committed is None else max(0, min(self.start, self.end) - self.committed)


class Lag:
    """The lag of the workers: plays on the topic that they have not committed yet."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, settings: Settings) -> None:
        """Use these clients."""
        self._consumer, self._admin, self._settings = consumer, admin, settings

    async def plays(self) -> int:
        """Return the lag of all partitions together, as of the last commit: workers commit every second."""
        return sum(span.end - span.start for span in (await self.spans()).values())

    async def plays_id(self) -> str | None:
        """Return Kafka's id of the topic of plays; None if there is no such topic."""
        plays = topic_names(self._settings).plays
        return await topic_id_of(self._consumer._client, plays)  # noqa: SLF001  no public call has the id

    async def spans(self) -> dict[int, Span]:
        """Return the offsets of each partition of `plays` that are not committed yet.

        Without a committed offset, these are all offsets that Kafka has. A committed offset behind the end counts as
        the end.
        """
        return {partition: offsets.uncommitted for partition, offsets in (await self.offsets()).items()}

    async def offsets(self) -> dict[int, GroupOffsets]:
        """Return the committed offset of each partition of `plays`, and the offsets that Kafka has."""
        tps = await partitions_of(self._consumer, topic_names(self._settings).plays)
        committed = await self._committed()
        starts, ends = await self._consumer.beginning_offsets(tps), await self._consumer.end_offsets(tps)
        return {
            tp.partition: GroupOffsets(
                committed[tp].offset if tp in committed and committed[tp].offset >= 0 else None, starts[tp], ends[tp]
            )
            for tp in tps
        }

    async def _committed(self) -> Mapping[TopicPartition, Any]:
        """Return the committed offsets of the consumer group.

        A new cluster creates its topic of offsets at the first request, and rejects requests meanwhile.
        """
        deadline = time.monotonic() + self._settings.kafka.timeout_s
        while True:
            try:
                return await self._admin.list_consumer_group_offsets(self._settings.application.group)  # type: ignore[no-any-return]
            except GroupCoordinatorNotAvailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_S)


@asynccontextmanager
async def lag_of(settings: Settings) -> AsyncIterator[Lag]:
    """Connect to the cluster.

    Raises:
        LogReadError: No broker answered.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        admin = new_async_admin(settings.kafka)
        try:
            await admin.start()
            yield Lag(consumer, admin, settings)
        finally:
            await admin.close()
