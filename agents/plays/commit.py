"""The one order in which a commit group becomes durable."""

import logging
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from agents.plays.changes import Changes
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record import NOTHING_APPLIED
from state.users.topic_rules import changelog_too_short
from streams.outbox import Item, Outbox, OutboxError, Pending, UnacknowledgedError
from streams.readers.log_reader import read_span, reader
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)


class Committer:
    """Makes changes durable, and keeps each partition's state in step with its changelog."""

    def __init__(self, outbox: Outbox, states: Mapping[int, PartitionState], settings: Settings) -> None:
        """Commit into `states`, the partitions that this worker owns now."""
        self._outbox, self._states, self._settings = outbox, states, settings
        self._names = topic_names(settings)

    async def commit(self, changes: Mapping[int, Changes], *, lists_first: bool = False) -> set[int]:
        """Make a commit group durable.

        Step 1: produce changelog records, lists and rejects, and await every acknowledgement.
        Step 2: write the records and their changelog offset, one WriteBatch per partition.
        Step 3, the caller's: acknowledge the slices of the partitions returned.

        A crash before step 2 leaves records in the changelog that the state lacks. The next start reads them from
        there, skips the plays that they contain and publishes their lists again.

        No play is delivered again to a group without plays. So its lists are acknowledged before its changelog
        records are produced: a record says that its list is published, and no crash makes that untrue.

        Args:
            changes: The changes by partition.
            lists_first: Whether the group has no plays.

        Returns:
            The partitions that are durable, without those that another worker owns by now.

        Raises:
            OutboxError: Kafka did not acknowledge. No slice of the group is acknowledged then.
        """
        # Step 1
        try:
            logged = await self._produce(changes, lists_first=lists_first)
        except UnacknowledgedError as error:
            message = f"{error} Nothing of the commit group is lost: the next start does it again."
            raise OutboxError(message) from error
        # Step 2
        durable_partitions = set()
        for partition, changed in changes.items():
            state = self._states.get(partition)
            if state is None:
                continue
            pending = logged.get(partition)
            if pending is not None:
                await self._write(partition, state, changed, pending)
            durable_partitions.add(partition)
        return durable_partitions

    async def write_through(self, partition: int, items: list[Item]) -> None:
        """Make changelog records of a partition durable that change no user; the caller holds the lock of groups."""
        await self.commit({partition: Changes(items, NOTHING_APPLIED, [], [])})

    async def _produce(self, changes: Mapping[int, Changes], *, lists_first: bool) -> dict[int, Pending]:
        """Send the changes of every partition; return the pending changelog records once all are acknowledged."""
        if lists_first:
            await _acknowledged(await self._send_lists(changes))
            logged = await self._send_changelog(changes)
            await _acknowledged(logged.values())
        else:
            logged = await self._send_changelog(changes)
            await _acknowledged([*logged.values(), *await self._send_lists(changes)])
        return logged

    async def _send_changelog(self, changes: Mapping[int, Changes]) -> dict[int, Pending]:
        """Send the changelog records of every partition that has any."""
        topic = self._names.users_changelog
        logged = {partition: changed.changelog for partition, changed in changes.items() if changed.changelog}
        return {partition: await self._outbox.send(topic, partition, items) for partition, items in logged.items()}

    async def _send_lists(self, changes: Mapping[int, Changes]) -> list[Pending]:
        """Send the lists and the rejects of every partition."""
        names = self._names
        return [
            await self._outbox.send(topic, partition, items, headers)
            for partition, changed in changes.items()
            for topic, items, headers in (
                (names.recommendations, changed.lists, changed.list_headers),
                (names.private_recommendations, changed.private, None),
                (names.plays_rejected, changed.rejects, None),
            )
            if items
        ]

    async def _write(self, partition: int, state: PartitionState, changed: Changes, pending: Pending) -> None:
        """Write a partition's records at their changelog offset.

        If other records stand before them in the changelog, read the changelog back instead.

        Raises:
            TopicChangedError: Kafka gave the records offsets of earlier ones.
        """
        written = await pending.written()
        if written.unbroken and written.first == state.place.changelog_offset + 1:
            highest = max(state.place.applied_offset_max, changed.applied_offset_max)
            state.commit(changed.changelog, Place(written.last, highest))
        elif written.first <= state.place.changelog_offset:
            raise changelog_too_short(state, partition, self._names.users_changelog, written.first)
        else:
            await self._catch_up(partition, state, written.last)

    async def check_tails(self, partitions: Iterable[int]) -> None:
        """Read back the changelogs that end behind the last offset that this worker knows.

        A commit detects unexpected records by itself; this is for partitions without any commit.
        """
        states = {p: state for p in partitions if (state := self._states.get(p)) is not None}
        if not states:
            return
        tps = {p: TopicPartition(self._names.users_changelog, p) for p in states}
        async with reader(self._settings.kafka, self._settings.kafka.timeout_s) as consumer:
            ends = await consumer.end_offsets(list(tps.values()))
        for partition, state in states.items():
            last = ends[tps[partition]] - 1
            if last > state.place.changelog_offset:
                await self._catch_up(partition, state, last)

    async def _catch_up(self, partition: int, state: PartitionState, last: int) -> None:
        """Read the changelog up to `last` into the state: a late worker, or this one if it is late, wrote to it too.

        Per user the highest applied offset wins, as in recovery.
        """
        tp = TopicPartition(self._names.users_changelog, partition)
        start = state.place.changelog_offset + 1
        n_outranked = 0
        async with reader(self._settings.kafka, self._settings.kafka.timeout_s) as consumer:
            span = read_span(consumer, {tp: last + 1}, {tp: start}, self._settings.kafka.timeout_s)
            async for _, records in span:
                n_outranked += state.apply_changelog(records)
        log.warning(
            "changelog_shared",
            extra={"partition": partition, "first": start, "last": last, "outranked": n_outranked},
        )


async def _acknowledged(pending: Iterable[Pending]) -> None:
    """Wait until Kafka has acknowledged all records."""
    for one in pending:
        await one.written()
