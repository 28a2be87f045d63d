"""Copies the compacted topics of a state to those of another number of partitions."""

from collections.abc import Callable, Iterable

from jobs.progress import ProgressCallback
from jobs.topics.copy import LatestRecords, Place, Stray, TopicCopy, Winners, all_of, by_key, by_number, never_stray
from jobs.topics.source import Source
from jobs.topics.winners import ChangelogRecords, ListRecords
from state.keys import is_user
from streams.messages.generations import is_announcement_key
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of_bytes
from streams.settings import Settings
from streams.topics.topics import topic_names


class StateCopy:
    """Copies the compacted topics of a state.

    Attributes:
        records: Records copied, by new topic.
        hashes: Their hash, by new topic.
        n_strays: Listeners' records that were on another partition than their own.
        late: By old partition, listeners whose record contains uncommitted plays, with the highest offset.
    """

    def __init__(self, source: Source, target: Settings, on_progress: ProgressCallback) -> None:
        """Copy from the topics of `source` to those of `target`."""
        self._source, self._target, self._on_progress = source, target, on_progress
        self.records: dict[str, int] = {}
        self.hashes: dict[str, str] = {}
        self.n_strays = 0
        self.late: dict[int, dict[bytes, int]] = {partition: {} for partition in source.scans}

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

    def _changelog_records(self, partition: int) -> ChangelogRecords:
        epoch = self._source.scans[partition].epoch
        return ChangelogRecords(self.late[partition], epoch, self._source.committed.get(partition, 0))


class _Announcements(LatestRecords):
    """The announcements; the topics that a state belongs to are left out."""

    def items(self) -> Iterable[Item]:
        """Return the announcements."""
        return [(key, value) for key, value in super().items() if is_announcement_key(key)]


def _stray(n_partitions: int) -> Stray:
    """Return a function that tells whether a listener's record is not on the partition of its key."""
    return lambda key, partition: is_user(key) and partition_of_bytes(key, n_partitions) != partition
