"""Takes the state into another topic of plays: a new epoch of positions, with all histories."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from jobs.progress import JobProgress, ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.group import await_no_members, commit_offsets
from jobs.topics.scan import PartitionScan, scan_changelog
from state.keys import EPOCH_KEY
from state.users.plays_epoch import PlaysEpoch
from streams.messages.generations import StateTopics, state_topics_key
from streams.outbox import Outbox
from streams.positions import EPOCH_MAX
from streams.readers.log_reader import Span, partitions_of, reader, spans_of
from streams.readers.state_topics import latest_state_topics
from streams.readers.topic_identities import read_identities
from streams.settings import Settings
from streams.topics.identity import TopicIdentity
from streams.topics.topics import topic_names

BEGINNING, END = "beginning", "end"
MOVING = "beginning the new epoch"


class Rebased(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a rebase."""

    epoch: int
    """The present epoch."""
    plays_id: str
    """Id of the topic of plays."""
    starts: dict[int, int]
    """By partition that was moved, the offset from which workers go on; empty if there was nothing to do."""


class Cluster(NamedTuple):
    """The topics of the cluster as a rebase finds them."""

    plays: TopicIdentity
    changelog: TopicIdentity
    spans: Mapping[int, Span]
    """Offsets of the plays by partition."""


async def rebase(
    settings: Settings, start: str | int | None, on_progress: ProgressCallback, *, force: bool = False
) -> Rebased:
    """Begin a new epoch, in which offsets are those of the present topic of plays.

    Positions of the new epoch are above all earlier ones, so no record has to be rewritten. For every partition:

    Step 1: commit the offset from which workers go on. The state still names the old topic, so no worker begins.
    Step 2: write the epoch and the topic's id to the changelog. From here on workers accept the partition.

    Step 3, after all partitions: publish the topics on `generations`, for readers.

    A killed rebase is finished by the next one, which leaves moved partitions as they are.

    Args:
        settings: The cluster, and the names of topics.
        start: `beginning`, `end`, or milliseconds since 1970; None: the beginning of another topic.
        on_progress: Called with the number of offsets read.
        force: Begin a new epoch even if the topic looks like the one of the state.

    Raises:
        MoveError: Workers run, the topics do not fit, the state is an unfinished copy, or `start` has to be given.
        LogReadError, OutboxError, TopicsError: Kafka does not answer, or a topic is missing.
    """
    await await_no_members(settings)
    cluster = await describe_topics(settings)
    _check_partitions(cluster, settings)
    scans = await scan_changelog(settings, on_progress)
    check_finished(scans, settings)
    epoch, moving = plan(scans, cluster, await latest_state_topics(settings), force=force)
    if moving and start is None:
        _require_other_topic([scans[partition] for partition in moving], cluster, settings)
    starts = await _starts(settings, moving, start, cluster)
    if epoch > EPOCH_MAX:
        message = f"There are no more than {EPOCH_MAX} epochs."
        raise MoveError(message)
    await _move(settings, cluster, epoch, starts, on_progress)
    return Rebased(epoch=epoch, plays_id=cluster.plays.topic_id, starts=starts)


async def _move(
    settings: Settings, cluster: Cluster, epoch: int, starts: Mapping[int, int], on_progress: ProgressCallback
) -> None:
    """Take partitions into an epoch, in which workers go on from the offsets of `starts`."""
    names = topic_names(settings)
    async with Outbox(settings.kafka) as outbox:
        for n_moved, (partition, start) in enumerate(starts.items(), 1):
            # Step 1
            await commit_offsets(settings, {TopicPartition(names.plays, partition): start})
            # Step 2
            record = EPOCH_KEY, PlaysEpoch(epoch, cluster.plays.topic_id, start).encode()
            await (await outbox.send(names.users_changelog, partition, [record])).written()
            on_progress(JobProgress(MOVING, n_moved, len(starts)))
        # Step 3
        await publish_topics(settings, outbox, cluster, epoch)


def check_finished(scans: Mapping[int, PartitionScan], settings: Settings) -> None:
    """Check that the state is no unfinished copy of another one.

    Raises:
        MoveError: It is.
    """
    unfinished = [partition for partition, scan in sorted(scans.items()) if scan.recorded.is_unfinished]
    if unfinished:
        message = (
            f"The state in topic {topic_names(settings).users_changelog} is an unfinished copy (partition "
            f"{unfinished[0]}): run `playfold topics repartition` again with the settings of the old topics."
        )
        raise MoveError(message)


def plan(
    scans: Mapping[int, PartitionScan], cluster: Cluster, known: StateTopics | None, *, force: bool
) -> tuple[int, list[int]]:
    """Return the epoch that all partitions belong to afterwards, and the partitions to move.

    Args:
        scans: The partitions of the changelog.
        cluster: The present topics.
        known: The topics that workers published last. Lists have positions of its epoch, even where the changelog lost
            its records.
        force: Begin a new epoch even if the topic looks like the one of the state, unless a killed rebase began it.
    """
    epoch = max(scan.epoch for scan in scans.values())
    of_epoch = {partition: scan for partition, scan in scans.items() if scan.epoch == epoch}
    unfinished = sorted(scans.keys() - of_epoch.keys())
    if (force and not unfinished) or any(_differs(scan, cluster, partition) for partition, scan in of_epoch.items()):
        epoch, unfinished = epoch + 1, sorted(scans)
    least = 0 if known is None else known.epoch + (known.plays_id != cluster.plays.topic_id)
    return (least, sorted(scans)) if epoch < least else (epoch, unfinished)


def _differs(scan: PartitionScan, cluster: Cluster, partition: int) -> bool:
    """Return whether the present topic of plays is not the one that a partition's state was made from."""
    is_other = bool(scan.recorded.topic_id) and scan.recorded.topic_id != cluster.plays.topic_id
    return is_other or scan.recorded.epoch != scan.epoch or scan.applied_offset >= cluster.spans[partition].end


def _require_other_topic(scans: Sequence[PartitionScan], cluster: Cluster, settings: Settings) -> None:
    """Check that the present topic has another id, so that its plays are new ones.

    Raises:
        MoveError: It has the same id, or the state does not know its id.
    """
    if any(scan.recorded.topic_id in ("", cluster.plays.topic_id) for scan in scans):
        message = (
            f"Topic {topic_names(settings).plays} may hold plays that the state contains already, since its id is the "
            "same or was never recorded. Say where workers go on: --from beginning counts all of its plays again, "
            "--from end leaves them out, and --from 2026-11-30T12:00:00Z begins with the plays that arrived then."
        )
        raise MoveError(message)


async def describe_topics(settings: Settings) -> Cluster:
    """Describe the topics of plays and changelog.

    Raises:
        LogReadError: One is missing, or Kafka does not answer.
    """
    names = topic_names(settings)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, names.plays)
        await partitions_of(consumer, names.users_changelog)
        spans = {tp.partition: span for tp, span in (await spans_of(consumer, tps)).items()}
        topics = await read_identities(consumer, [names.plays, names.users_changelog], settings.kafka)
    return Cluster(topics[names.plays], topics[names.users_changelog], spans)


def _check_partitions(cluster: Cluster, settings: Settings) -> None:
    """Check that both topics have the partitions of the settings.

    Raises:
        MoveError: One has another number.
    """
    names, expected = topic_names(settings), settings.topics.partitions
    for name, topic in ((names.plays, cluster.plays), (names.users_changelog, cluster.changelog)):
        if topic.partitions != expected:
            message = (
                f"Topic {name} has {topic.partitions} partitions, but PLAYFOLD_PARTITIONS is {expected}: correct the "
                f"setting, or run `playfold topics repartition {topic.partitions}`."
            )
            raise MoveError(message)


async def _starts(
    settings: Settings, partitions: Sequence[int], start: str | int | None, cluster: Cluster
) -> dict[int, int]:
    """Return the offsets from which workers go on."""
    if isinstance(start, int) and partitions:
        async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
            topic = topic_names(settings).plays
            times = {TopicPartition(topic, partition): start for partition in partitions}
            places = await consumer.offsets_for_times(times)
        at = {tp.partition: place.offset for tp, place in places.items() if place is not None}
        return {partition: at.get(partition, cluster.spans[partition].end) for partition in partitions}
    return {
        partition: cluster.spans[partition].end if start == END else cluster.spans[partition].start
        for partition in partitions
    }


async def publish_topics(settings: Settings, outbox: Outbox, cluster: Cluster, epoch: int) -> None:
    """Publish which topics the state belongs to, unless that is known."""
    topics = StateTopics(
        plays_id=cluster.plays.topic_id,
        changelog_id=cluster.changelog.topic_id,
        epoch=epoch,
        partitions=cluster.plays.partitions,
    )
    if topics != await latest_state_topics(settings):
        item = state_topics_key(settings.application.group), msgspec.json.encode(topics)
        await (await outbox.send(topic_names(settings).generations, 0, [item])).written()
