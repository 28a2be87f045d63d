"""The one order in which a commit group becomes durable."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.plays.changes import Changes
from state.users.partition import PartitionState, Place
from streams.outbox import Outbox, OutboxError, Pending
from streams.readers.log_reader import read_span, reader
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)


class Committer:
    """Makes changes durable, and keeps each partition's state in step with its changelog."""

    def __init__(self, outbox: Outbox, states: Mapping[int, PartitionState], settings: Settings) -> None:
        """Commit into `states`, the partitions that this worker owns at the moment."""
        self._outbox, self._states, self._settings = outbox, states, settings
        self._names = topic_names(settings)

    async def commit(self, changes: Mapping[int, Changes]) -> set[int]:
        """Make a commit group durable.

        Step 1: produce changelog records, lists and rejects, and await every acknowledgement.
        Step 2: one WriteBatch a partition holds the records and their place in the changelog.
        Step 3, the caller's: acknowledge the slices of the partitions returned.

        A crash before step 2 leaves records in the changelog that the state does not know; the next start reads them
        from there, skips the plays that they contain and publishes their lists again.

        Returns:
            The partitions that are durable; one that went to another worker meanwhile is not among them.

        Raises:
            OutboxError: Kafka did not acknowledge. Nothing of the group is acknowledged then.
        """
        # Step 1
        try:
            async with asyncio.timeout(self._settings.kafka.timeout_s):
                logged = await self._produce(changes)
        except (KafkaError, TimeoutError) as error:
            message = (
                f"Kafka at {self._settings.kafka.brokers} did not acknowledge a commit group within "
                f"{self._settings.kafka.timeout_s:g} s ({error!r}). Nothing of it is lost: "
                "the next start does it again."
            )
            raise OutboxError(message) from error
        # Step 2
        durable = set()
        for partition, found in changes.items():
            state = self._states.get(partition)
            if state is None:
                continue
            pending = logged.get(partition)
            if pending is not None:
                await self._write(partition, state, found, pending)
            durable.add(partition)
        return durable

    async def _produce(self, changes: Mapping[int, Changes]) -> dict[int, Pending]:
        logged, others = {}, []
        for partition, found in changes.items():
            if found.changelog:
                logged[partition] = await self._outbox.send(self._names.users_changelog, partition, found.changelog)
            if found.lists:
                others.append(await self._outbox.send(self._names.recommendations, partition, found.lists))
            if found.private:
                topic = self._names.private_recommendations
                others.append(await self._outbox.send(topic, partition, found.private))
            if found.rejects:
                others.append(await self._outbox.send(self._names.plays_rejected, partition, found.rejects))
        for pending in (*logged.values(), *others):
            await pending.written()
        return logged

    async def _write(self, partition: int, state: PartitionState, found: Changes, pending: Pending) -> None:
        """Write a partition's records at their place, or, if the changelog is not as expected, read it back."""
        written = await pending.written()
        if written.unbroken and written.first == state.place.changelog_offset + 1:
            highest = max(state.place.applied_offset_max, found.applied_offset_max)
            state.commit(found.changelog, Place(written.last, highest))
        else:
            await self._catch_up(partition, state, written.last)

    async def check_tails(self, partitions: Iterable[int]) -> None:
        """Look whether anyone wrote behind what this worker knows of changelogs, and take that in.

        A commit sees by itself that its records do not stand where they should; this is for a partition without any.
        """
        states = {p: state for p in partitions if (state := self._states.get(p)) is not None}
        if not states:
            return
        tps = {p: TopicPartition(self._names.users_changelog, p) for p in states}
        async with reader(self._settings.kafka.brokers, self._settings.kafka.timeout_s) as consumer:
            ends = await consumer.end_offsets(list(tps.values()))
        for partition, state in states.items():
            last = ends[tps[partition]] - 1
            if last > state.place.changelog_offset:
                await self._catch_up(partition, state, last)

    async def _catch_up(self, partition: int, state: PartitionState, last: int) -> None:
        """Take the changelog up to `last` into the state: another worker wrote to it too.

        It woke up late, or this worker did. Per user the highest applied offset wins, as in recovery.
        """
        tp = TopicPartition(self._names.users_changelog, partition)
        start = state.place.changelog_offset + 1
        n_outranked = 0
        async with reader(self._settings.kafka.brokers, self._settings.kafka.timeout_s) as consumer:
            span = read_span(consumer, {tp: last + 1}, {tp: start}, self._settings.kafka.timeout_s)
            async for _, records in span:
                n_outranked += state.apply_changelog(records)
        log.warning(
            "changelog_shared",
            extra={"partition": partition, "first": start, "last": last, "outranked": n_outranked},
        )
