"""Plays that Kafka deleted before a worker processed them, or that the committed offsets skip: counted and logged."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiokafka.errors import KafkaError

from agents.plays.cluster_topics import ClusterTopics
from agents.plays.skipped_plays import find_skipped
from state.users.partition import PartitionState
from state.users.store import UserStore
from streams.connection.credentials import CredentialsError
from streams.positions import epoch_of, offset_of
from streams.process.format_text import format_time
from streams.readers.lag import GroupOffsets, lag_of
from streams.readers.log_reader import LogReadError, Span
from streams.readers.one_record import arrival_of
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

RETRY_S = 0.5
"""Pause before the offsets of the group are asked for again."""


class Delivered(NamedTuple):
    """The plays that were delivered of a partition since it was opened."""

    state: PartitionState
    last: int
    """The highest offset."""


class LostPlays:
    """Counts lost plays since the start of this worker, each gap once."""

    def __init__(self, store: UserStore, cluster: ClusterTopics, settings: Settings) -> None:
        """Count for the partitions of `store`."""
        self._store, self._cluster, self._settings = store, cluster, settings
        self._names = topic_names(settings)
        self._gaps: dict[int, dict[int, int]] = {}

    @property
    def counts(self) -> dict[int, int]:
        """Return the number of lost plays by partition."""
        return {partition: sum(gaps.values()) for partition, gaps in self._gaps.items()}

    async def measure(self, partitions: Sequence[int]) -> None:
        """Count the plays that Kafka deleted between the last processed one and the first one that it still has.

        The plays between the last processed one and a committed offset that was moved ahead are counted, too.
        Committed offsets that have expired are no loss: the state contains the processed plays, and skips them.

        Raises:
            LogReadError: Kafka does not answer.
        """
        offsets = await self._offsets()
        for partition in partitions:
            state, of_group = self._store.partitions.get(partition), offsets.get(partition)
            if state is None or of_group is None:
                continue
            applied = state.place.applied_offset_max
            processed = offset_of(applied) + 1 if epoch_of(applied) == state.epoch.epoch else 0
            if of_group.committed is None and processed:
                log.warning("offsets_expired", extra={"partition": partition, "processed": processed})
            known = max(of_group.committed or 0, processed)
            if known and min(of_group.start, of_group.end) > known:
                await self.add_gap(partition, Span(known, of_group.end))
            ahead = Span(max(processed, of_group.start), min(known, of_group.end))
            if processed and ahead.start < ahead.end:
                await self._add_skipped(partition, ahead)

    async def _add_skipped(self, partition: int, ahead: Span) -> None:
        """Count and log the plays in front of the committed offset that the state does not contain, if there are any.

        Raises:
            LogReadError: Kafka does not answer.
        """
        skipped = await find_skipped(self._settings, partition, ahead)
        if not skipped or skipped[0] in self._gaps.get(partition, {}):
            return
        self._gaps.setdefault(partition, {})[skipped[0]] = len(skipped)
        extra = {"partition": partition, "first": skipped[0], "last": skipped[-1], "plays": len(skipped)}
        log.error("plays_skipped", extra=extra)

    async def _offsets(self) -> Mapping[int, GroupOffsets]:
        """Ask for the offsets of the group, again after an error until `kafka_timeout_s` seconds are over."""
        clock, timeout_s = asyncio.get_running_loop().time, self._settings.kafka.timeout_s
        began = clock()
        while True:
            try:
                async with lag_of(self._settings) as lag:
                    return await lag.offsets()
            except (KafkaError, LogReadError, CredentialsError) as error:
                if clock() - began > timeout_s:
                    message = f"Kafka did not give the offsets of the group within {timeout_s:g} s: {error}"
                    raise LogReadError(message) from error
            await asyncio.sleep(RETRY_S)

    async def add_gap(self, partition: int, gap: Span, left_ms: int | None = None) -> None:
        """Count and log the plays of a gap that Kafka does not have any more, if there are any.

        Args:
            partition: Their partition.
            gap: The offsets from the first unprocessed play to the next delivered one, or to the end. Kafka may have
                deleted plays behind it by now that were delivered.
            left_ms: Arrival of the first play that is left, if it is known.

        Raises:
            LogReadError: Kafka does not answer.
        """
        first = gap.start
        start = min(await self._cluster.start_of(self._names.plays, partition), gap.end)
        if start <= first or first in self._gaps.get(partition, {}):
            return
        self._gaps.setdefault(partition, {})[first] = start - first
        if left_ms is None:
            left_ms = await arrival_of(self._settings, self._names.plays, partition, start)
        state = self._store.partitions.get(partition)
        place = state.place.changelog_offset if state else -1
        processed_ms = await arrival_of(self._settings, self._names.users_changelog, partition, place)
        log.error(
            "plays_lost",
            extra={
                "partition": partition,
                "first": first,
                "last": start - 1,
                "plays": start - first,
                "after": format_time(processed_ms),
                "before": format_time(left_ms),
            },
        )
