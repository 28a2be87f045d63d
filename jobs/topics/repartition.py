"""Copies the state to new topics with another number of partitions; the old topics stay as they are."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from jobs.progress import ProgressCallback
from jobs.topics.copy import (
    LatestRecords,
    Place,
    Stray,
    TopicCopy,
    Winners,
    all_of,
    by_key,
    by_number,
    never_stray,
    read_winners,
)
from jobs.topics.errors import MoveError
from jobs.topics.group import await_no_members, commit_offsets
from jobs.topics.plays_copy import Waiting, copy_plays
from jobs.topics.rebase import Cluster, describe_topics, publish_topics
from jobs.topics.scan import PartitionScan, scan_changelog
from jobs.topics.winners import ChangelogRecords, ListRecords
from state.keys import EPOCH_KEY, is_user
from state.users.plays_epoch import PlaysEpoch
from streams.messages.records import is_announcement_key
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of_bytes
from streams.readers.lag import lag_of
from streams.readers.log_reader import Span
from streams.settings import Settings, override
from streams.topics.admin import create_topics, verify_topics
from streams.topics.topics import topic_names


class Repartitioned(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a repartition."""

    partitions: int
    topic_prefix: str
    group: str
    """Number of partitions, prefix of topics and group of the new topics: settings of all processes from now on."""
    records: dict[str, int]
    """By new topic, the records that were copied; empty if that was done before."""
    hashes: dict[str, str]
    """By new topic, the hash of its content, which is that of the old topic."""
    strays: int
    """Listeners' records that were on another partition than that of their key."""
    plays: int
    """Plays that no worker had applied: they are on the new topic."""


class Source(NamedTuple):
    """The state that is copied."""

    settings: Settings
    """With the number of partitions of the old changelog."""
    scans: Mapping[int, PartitionScan]
    cluster: Cluster
    committed: Mapping[int, int]
    """By partition of plays, the offset from which workers would go on."""
    is_other: bool
    """Whether the topic of plays is another one than that of the state; no play of it is applied then."""

    @property
    def epoch(self) -> int:
        """Return the present epoch."""
        return max(scan.epoch for scan in self.scans.values())


def target_settings(settings: Settings, n_partitions: int, prefix: str | None, group: str | None) -> Settings:
    """Return the settings of the new topics; without a prefix and a group these follow from the number."""
    plain_prefix = re.sub(r"^p\d+-", "", settings.topics.prefix)
    plain_group = re.sub(r"-p\d+$", "", settings.application.group)
    return override(
        settings,
        partitions=n_partitions,
        topic_prefix=f"p{n_partitions}-{plain_prefix}" if prefix is None else prefix,
        group=f"{plain_group}-p{n_partitions}" if group is None else group,
    )


async def repartition(settings: Settings, target: Settings, on_progress: ProgressCallback) -> Repartitioned:
    """Copy the state to the topics of `target`, where it begins a new epoch.

    Step 1: create the new topics.
    Step 2: copy lists, items and the changelog, and verify each copy by its content.
    Step 3: copy the plays that no worker has applied.
    Step 4: commit offsets and write the epoch of every new partition: from here on workers accept the new topics.

    A killed run is finished by the next one. After step 4 a run only copies later plays of the old topic.

    Raises:
        MoveError: Workers run, or the state does not belong to the old topic of plays.
        LogReadError, OutboxError, TopicsError: Kafka does not answer, or a topic is missing.
    """
    _check_names(settings, target)
    await await_no_members(settings)
    source = await _describe_source(settings, on_progress)
    # Step 1
    await asyncio.to_thread(create_topics, target)
    await asyncio.to_thread(verify_topics, target)
    new_cluster = await describe_topics(target)
    new_scans = await scan_changelog(target, on_progress)
    is_done = all(scan.recorded.topic_id == new_cluster.plays.topic_id for scan in new_scans.values())
    late: dict[int, dict[bytes, int]] = {partition: {} for partition in source.scans}
    copying = _Copying(source, target, late, on_progress)
    if not is_done:
        await await_no_members(target)
        # Step 2
        await copying.copy_all()
    else:
        await copying.find_late()
    # Step 3
    names, new_names = topic_names(source.settings), topic_names(target)
    waiting = _waiting(source, late)
    n_plays = await copy_plays(source.settings, target, (names.plays, new_names.plays), waiting, on_progress)
    # Step 4
    if not is_done:
        await _begin(target, new_cluster, source.epoch + 1)
    return Repartitioned(
        partitions=target.topics.partitions,
        topic_prefix=target.topics.prefix,
        group=target.application.group,
        records=copying.records,
        hashes=copying.hashes,
        strays=copying.n_strays,
        plays=n_plays,
    )


def _check_names(settings: Settings, target: Settings) -> None:
    """Check that every new topic has another name.

    Raises:
        MoveError: One has the same name.
    """
    old, new = topic_names(settings), topic_names(target)
    alike = [name for name in old.__struct_fields__ if getattr(old, name) == getattr(new, name)]
    if alike:
        message = (
            f"The new topic {getattr(new, alike[0])} has the name of the old one, which is never changed: "
            "give another --prefix and another --group."
        )
        raise MoveError(message)


async def _describe_source(settings: Settings, on_progress: ProgressCallback) -> Source:
    """Describe the old topics, and check that the state belongs to them.

    Raises:
        MoveError: The topic of plays lost records, or is another one with as many partitions as that of the state.
    """
    scans = await scan_changelog(settings, on_progress)
    cluster = await describe_topics(settings)
    plays, source = topic_names(settings).plays, override(settings, partitions=len(scans))
    is_other = any(scan.recorded.topic_id not in ("", cluster.plays.topic_id) for scan in scans.values())
    for partition, scan in scans.items():
        lost = not is_other and partition in cluster.spans and scan.applied_offset >= cluster.spans[partition].end
        if lost or (is_other and cluster.plays.partitions == len(scans)):
            message = (
                f"Topic {plays} is another one than that of the state (partition {partition}), or it lost records: "
                "run `playfold state rebase` first."
            )
            raise MoveError(message)
    if is_other:  # no worker has applied any of its plays
        committed = {partition: span.start for partition, span in cluster.spans.items()}
    else:
        async with lag_of(settings) as lag:
            committed = {partition: span.start for partition, span in (await lag.spans()).items()}
    return Source(source, scans, cluster, committed, is_other)


def _waiting(source: Source, late: Mapping[int, Mapping[bytes, int]]) -> dict[int, Waiting]:
    """Return the plays of every old partition that no worker has applied."""
    return {
        partition: Waiting(
            Span(max(source.committed[partition], span.start), span.end),
            {} if source.is_other else late.get(partition, {}),
        )
        for partition, span in source.cluster.spans.items()
    }


class _Copying:
    """Copies the compacted topics.

    Attributes:
        records: Records copied, by new topic.
        hashes: Their hash, by new topic.
        n_strays: Listeners' records that were on another partition than their own.
    """

    def __init__(
        self, source: Source, target: Settings, late: dict[int, dict[bytes, int]], on_progress: ProgressCallback
    ) -> None:
        self._source, self._target, self._late, self._on_progress = source, target, late, on_progress
        self.records: dict[str, int] = {}
        self.hashes: dict[str, str] = {}
        self.n_strays = 0

    async def copy_all(self) -> None:
        """Copy all of them, the changelog last."""
        n_old, n_new = self._source.settings.topics.partitions, self._target.topics.partitions
        old, new = topic_names(self._source.settings), topic_names(self._target)
        copy = TopicCopy(self._source.settings, self._target, self._on_progress)
        keyed, stray = by_key(n_new), _stray(n_old)
        everywhere = all_of(n_new)
        tasks: list[tuple[str, str, Callable[[int], Winners], Place, Stray]] = [
            (old.generations, new.generations, _Announcements, lambda _key, _partition: (0,), never_stray),
            (old.catalog, new.catalog, LatestRecords, keyed, never_stray),
            (old.related_items, new.related_items, LatestRecords, keyed, never_stray),
            (old.popular_items, new.popular_items, LatestRecords, by_number(n_old, n_new), never_stray),
            (old.recommendations, new.recommendations, ListRecords, keyed, stray),
            (
                old.users_changelog,
                new.users_changelog,
                self._changelog_records,
                lambda key, partition: keyed(key, partition) if is_user(key) else everywhere(key, partition),
                stray,
            ),
        ]
        async with Outbox(self._target.kafka) as outbox:
            for from_topic, to_topic, winners, place, is_stray in tasks:
                copied = await copy.copy(outbox, from_topic, to_topic, winners, place, is_stray)
                self.records[to_topic] = copied.content.n_records
                self.hashes[to_topic] = f"{copied.content.hashes:016x}"
                self.n_strays = copied.n_strays

    async def find_late(self) -> None:
        """Read the old changelog for listeners whose record contains uncommitted plays."""
        old = topic_names(self._source.settings).users_changelog
        async for _, counting in read_winners(
            self._source.settings, old, self._changelog_records, self._on_progress, f"reading {old}"
        ):
            for _item in counting.items():
                pass

    def _changelog_records(self, partition: int) -> ChangelogRecords:
        epoch = self._source.scans[partition].epoch
        return ChangelogRecords(self._late[partition], epoch, self._source.committed.get(partition, 0))


class _Announcements(LatestRecords):
    """The announcements; which topics a state belongs to is left out."""

    def items(self) -> Iterable[Item]:
        """Return the announcements."""
        return [(key, value) for key, value in super().items() if is_announcement_key(key)]


def _stray(n_partitions: int) -> Stray:
    """Return a function that tells whether a listener's record is not on the partition of its key."""
    return lambda key, partition: is_user(key) and partition_of_bytes(key, n_partitions) != partition


async def _begin(target: Settings, cluster: Cluster, epoch: int) -> None:
    """Begin the new epoch on the new topics."""
    names = topic_names(target)
    starts = {TopicPartition(names.plays, partition): span.start for partition, span in cluster.spans.items()}
    await commit_offsets(target, starts)
    record = EPOCH_KEY, PlaysEpoch(epoch, cluster.plays.topic_id).encode()
    async with Outbox(target.kafka) as outbox:
        for partition in range(target.topics.partitions):
            await (await outbox.send(names.users_changelog, partition, [record])).written()
        await publish_topics(target, outbox, cluster, epoch)
