"""The new topics of a repartition: how far earlier runs came, and the marks by which workers accept them."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from jobs.progress import ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.group import commit_offsets
from jobs.topics.rebase import Cluster, describe_topics, publish_topics
from jobs.topics.scan import scan_changelog
from state.keys import EPOCH_KEY
from state.users.plays_epoch import UNFINISHED, PlaysEpoch
from streams.messages.generations import CopiedPlays, copied_plays_key
from streams.outbox import Outbox
from streams.readers.log_reader import partitions_of, read_topic, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

ANOTHER = "Give another --prefix and another --group; or delete these topics, if their records are not needed."


class Target(NamedTuple):
    """The new topics."""

    settings: Settings
    cluster: Cluster
    epoch: int
    """The epoch that begins on them."""
    recorded: Mapping[int, PlaysEpoch]
    """By partition of the changelog, the mark that it has, without the offset from which workers go on."""

    @property
    def unfinished(self) -> PlaysEpoch:
        """Return the mark of a partition from the first copied record on; no worker accepts it."""
        return PlaysEpoch(self.epoch, UNFINISHED)

    @property
    def begun(self) -> PlaysEpoch:
        """Return the mark of a partition that workers accept."""
        return PlaysEpoch(self.epoch, self.cluster.plays.topic_id)

    @property
    def is_copied(self) -> bool:
        """Return whether an earlier run has copied and verified everything; workers may have changed it since."""
        return self.begun in self.recorded.values()

    @property
    def is_done(self) -> bool:
        """Return whether workers accept every partition."""
        return {self.begun} == set(self.recorded.values())


async def describe_target(settings: Settings, epoch: int, on_progress: ProgressCallback) -> Target:
    """Describe the new topics, and check that they have the copied state or nothing.

    Args:
        settings: The new settings.
        epoch: The epoch that begins on the new topics.
        on_progress: Called with the number of offsets read.

    Raises:
        MoveError: They have records that no run for this state has written.
    """
    cluster = await describe_topics(settings)
    scans = await scan_changelog(settings, on_progress)
    target = Target(settings, cluster, epoch, {n: scan.recorded.without_start for n, scan in scans.items()})
    marks, none = set(target.recorded.values()), PlaysEpoch()
    if marks - {none, target.unfinished, target.begun} or marks >= {none, target.begun}:
        others = ", ".join(sorted(f"{mark.epoch} of {mark.topic_id}" for mark in marks - {none}))
        message = (
            f"Topic {topic_names(settings).users_changelog} belongs to another state than the one to copy: it is in "
            f"epoch {others}. Nothing was written to it. {ANOTHER}"
        )
        raise MoveError(message)
    if marks == {none}:
        await _check_empty(settings)
    return target


async def _check_empty(settings: Settings) -> None:
    """Check that no program has written to the topics that are copied: their records would get tombstones.

    Raises:
        MoveError: A topic has records.
    """
    names = topic_names(settings)
    copied = (
        names.generations,
        names.catalog,
        names.related_items,
        names.popular_items,
        names.recommendations,
        names.users_changelog,
    )
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        for name in copied:
            spans = await spans_of(consumer, await partitions_of(consumer, name))
            n_records = sum(span.end - span.start for span in spans.values())
            if n_records:
                message = (
                    f"Topic {name} has about {n_records:,} records, and no run of this command began to copy to it. "
                    f"Nothing was written to it. {ANOTHER}"
                )
                raise MoveError(message)


async def write_marks(target: Target, outbox: Outbox, mark: PlaysEpoch) -> None:
    """Write a mark to every partition of the changelog that has another one.

    The new topic of plays begins at offset 0, and workers go on from there.
    """
    changelog = topic_names(target.settings).users_changelog
    record = EPOCH_KEY, msgspec.structs.replace(mark, start=0).encode()
    for partition, recorded in target.recorded.items():
        if recorded != mark:
            await (await outbox.send(changelog, partition, [record])).written()


async def begin_epoch(target: Target, copied: CopiedPlays) -> None:
    """Let workers accept the partitions that they do not accept yet.

    Step 1: commit the offsets from which they begin.
    Step 2: publish which plays of the old topic are copied or applied, by which later runs go on.
    Step 3: write the epoch, partition after partition. From here on workers accept it.
    Step 4: publish the topics on `generations`, for readers.
    """
    plays, spans = topic_names(target.settings).plays, target.cluster.spans
    starts = {
        TopicPartition(plays, partition): span.start
        for partition, span in spans.items()
        if target.recorded[partition] != target.begun
    }
    async with Outbox(target.settings.kafka) as outbox:
        # Step 1
        if starts:
            await commit_offsets(target.settings, starts)
        # Step 2
        await publish_copied(target.settings, outbox, copied)
        # Step 3
        await write_marks(target, outbox, target.begun)
        # Step 4
        await publish_topics(target.settings, outbox, target.cluster, target.epoch)


async def publish_copied(settings: Settings, outbox: Outbox, copied: CopiedPlays) -> None:
    """Publish which plays of the old topic are copied or applied."""
    item = copied_plays_key(settings.application.group), msgspec.json.encode(copied)
    await (await outbox.send(topic_names(settings).generations, 0, [item])).written()


async def latest_copied(settings: Settings) -> CopiedPlays:
    """Return which plays of the old topic are copied or applied.

    Raises:
        MoveError: No run has published it, so later plays cannot be told from copied ones.
    """
    key, topic, value = copied_plays_key(settings.application.group), topic_names(settings).generations, None
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s):
        value = next((record.value for record in reversed(records) if record.key == key), value)
    if value is None:
        message = (
            f"Topic {topic} does not say which plays were copied: it lost the record of the last run. Give another "
            "--prefix and another --group, to which the present state of the old topics is copied."
        )
        raise MoveError(message)
    return msgspec.json.decode(value, type=CopiedPlays)
