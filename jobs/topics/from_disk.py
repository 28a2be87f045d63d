"""Writes the states on this machine to a changelog that was made again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aiokafka import TopicPartition

from jobs.progress import JobProgress, ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.group import await_no_members, commit_offsets
from state.keys import EPOCH_KEY, LISTS_KEY
from state.storage.files import remove_folder
from state.users.partition import PartitionState
from state.users.partition_on_disk import read_on_disk
from state.users.stored_keys import CHANGELOG_KEY
from streams.outbox import Item, Outbox
from streams.positions import epoch_of, offset_of
from streams.process.format_text import pluralize
from streams.readers.lag import GroupOffsets, lag_of
from streams.readers.log_reader import partitions_of, reader, spans_of
from streams.readers.state_topics import latest_state_topics
from streams.readers.topic_identities import read_identities
from streams.settings import Settings
from streams.topics.identity import TopicIdentity
from streams.topics.topics import USERS_TABLE, topic_names

WRITING = "writing the changelog"
RECORDS_AT_ONCE = 5_000


class FromDisk(NamedTuple):
    """The result."""

    written: dict[int, int]
    """By partition, the records that were written."""
    missing: list[int]
    """Partitions without a state on this machine: their changelog stays as it is."""
    taken_back: dict[int, int]
    """By partition, the offset to which the committed one was taken back: behind the last play on the disk."""
    uncertain: dict[int, int]
    """By partition, the committed offset, before which the state may lack plays (`uncertain_offset`)."""


class _Topics(NamedTuple):
    """The topics of the state."""

    plays_id: str
    changelog: TopicIdentity
    former_id: str
    """Id of the former changelog, as workers published it; empty if they did not."""
    offsets: dict[int, GroupOffsets]
    """The committed offset of each partition of plays."""


class Wrote(NamedTuple):
    """A state that was written to the changelog."""

    n_records: int
    applied: int
    """Highest position of any user."""
    epoch: int
    topic_id: str
    """Id of its topic of plays; empty if it was never recorded."""
    start: int = -1
    """Offset from which workers went on in its epoch; -1 if it was never recorded."""


async def write_from_disk(settings: Settings, on_progress: ProgressCallback) -> FromDisk:
    """Write the newest state of each partition on this machine to the present changelog, and remove the state.

    Step 1: produce all records of a partition, its epoch too, and await every acknowledgement.
    Step 2: take the committed offset back to the plays that the state contains. After a crash of the machine or of a
        worker it lags behind the changelog, and the records in between were in the former changelog alone. If the
        state contains no play of its epoch, and an older version began that, the offset stays, and a note names the
        partition.
    Step 3: remove the folders of the partition, the newest one last; workers rebuild them from the changelog.

    A state that belongs to the present changelog stays as it is. A killed run is repeated: the same records twice are
    harmless, since readers keep the highest position of a user.

    Raises:
        MoveError: Workers run; or a partition has neither a state on this machine nor a record in the changelog.
        LogReadError, OutboxError, TopicsError: Kafka does not answer, or a topic is missing.
        StateError: A state cannot be read.
    """
    await await_no_members(settings)
    topics = await _describe(settings)
    result, n_partitions = FromDisk({}, [], {}, {}), settings.topics.partitions
    async with Outbox(settings.kafka) as outbox:
        for partition in range(n_partitions):
            folders = sorted(settings.application.workers_path.glob(f"*/**/{USERS_TABLE}/{partition}"))
            newest = find_newest(folders, topics.changelog.topic_id, topics.former_id)
            if newest is None:
                result.missing.append(partition)
                continue
            # Step 1
            wrote = await _write(outbox, topic_names(settings).users_changelog, partition, newest)
            result.written[partition] = wrote.n_records
            # Step 2
            await _take_back(settings, partition, wrote, topics, result)
            _note_uncertain(partition, result, on_progress)
            # Step 3
            remove_states(folders, newest)
            on_progress(JobProgress(WRITING, partition + 1, n_partitions))
    await _check_missing(settings, result)
    return result


def _note_uncertain(partition: int, result: FromDisk, on_progress: ProgressCallback) -> None:
    """Note a partition that may lack plays; after a killed run, the next one does not know it."""
    if partition in result.uncertain:
        on_progress(JobProgress(describe_uncertain(partition, result.uncertain[partition]), is_note=True))


async def _take_back(settings: Settings, partition: int, wrote: Wrote, topics: _Topics, result: FromDisk) -> None:
    """Take the committed offset of a partition back, and add to the result."""
    offsets = topics.offsets.get(partition)
    back = offset_to_take_back(wrote, topics.plays_id, offsets)
    if back is not None:
        await commit_offsets(settings, {TopicPartition(topic_names(settings).plays, partition): back})
        result.taken_back[partition] = back
    uncertain = uncertain_offset(wrote, topics.plays_id, offsets)
    if uncertain is not None:
        result.uncertain[partition] = uncertain


def remove_states(folders: Sequence[Path], newest: Path) -> None:
    """Remove the states of a partition, the newest one last: a run that dies here finds it again, and no older one."""
    for folder in sorted(folders, key=lambda folder: folder == newest):
        remove_folder(folder)


async def _describe(settings: Settings) -> _Topics:
    """Describe the topics of the state.

    Raises:
        MoveError: The changelog has another number of partitions than the settings.
    """
    names = topic_names(settings)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        for name in (names.plays, names.users_changelog):
            await partitions_of(consumer, name)
        present = await read_identities(consumer, [names.plays, names.users_changelog], settings.kafka)
    changelog = present[names.users_changelog]
    if changelog.partitions != settings.topics.partitions:
        message = (
            f"Topic {names.users_changelog} has {changelog.partitions} partitions, but PLAYFOLD_PARTITIONS is "
            f"{settings.topics.partitions}: delete the topic, and run `playfold topics create`."
        )
        raise MoveError(message)
    known = await latest_state_topics(settings)
    async with lag_of(settings) as lag:
        offsets = await lag.offsets()
    return _Topics(present[names.plays].topic_id, changelog, known.changelog_id if known else "", offsets)


def find_newest(folders: Sequence[Path], present_id: str, former_id: str) -> Path | None:
    """Return the folder whose state contains most of the former changelog; None if one belongs to the present one.

    Offsets of different changelogs say nothing about each other. So a state of the changelog that workers published
    last comes before any other one. The folders are read without a change.

    Args:
        folders: The folders of a partition.
        present_id: Id of the present changelog.
        former_id: Id of the changelog that workers published; empty if they did not.
    """
    newest: tuple[bool, int, Path] | None = None
    for folder in folders:
        place, values = read_on_disk(folder, [CHANGELOG_KEY])
        changelog_id = (values[0] or b"").decode()
        if changelog_id == present_id:
            return None
        candidate = changelog_id == former_id, place.changelog_offset, folder
        if place.changelog_offset >= 0 and (newest is None or candidate[:2] > newest[:2]):
            newest = candidate
    return newest[2] if newest else None


def offset_to_take_back(wrote: Wrote, plays_id: str, offsets: GroupOffsets | None) -> int | None:
    """Return the offset from which workers have to go on, None if they go on from there or before.

    Positions of another topic, or of an earlier epoch, say nothing of the offsets of the present one. Workers begin
    another topic anew. A state without a play of its epoch contains the plays before that began.
    """
    if wrote.topic_id not in ("", plays_id):
        return None
    contained = offset_of(wrote.applied) + 1 if epoch_of(wrote.applied) == wrote.epoch else wrote.start
    if contained < 0:
        return None
    is_ahead = offsets is not None and offsets.committed is not None and offsets.committed > contained
    return contained if is_ahead else None


def uncertain_offset(wrote: Wrote, plays_id: str, offsets: GroupOffsets | None) -> int | None:
    """Return the committed offset if the state may lack plays before it, from an unknown place on; otherwise None.

    Such a state belongs to the present topic, and has no play of its epoch. Either that epoch had no play, or the disk
    lacks them all. An older version has not stored the offset at which the epoch began.
    """
    is_known = epoch_of(wrote.applied) == wrote.epoch or wrote.start >= 0
    if wrote.topic_id not in ("", plays_id) or is_known or offsets is None:
        return None
    return offsets.committed if offsets.committed is not None and offsets.committed > offsets.start else None


def describe_uncertain(partition: int, committed: int) -> str:
    """Return a sentence on a partition whose state may lack plays before its committed offset."""
    return (
        f"The state of partition {partition} has no play since the last rebase or repartition, and its committed "
        f"offset stays: {committed:,}. Plays since then that the disk lacks are not learned, unless you run `playfold "
        "state rebase --force --from TIME` with the time of that rebase or repartition."
    )


async def _write(outbox: Outbox, topic: str, partition: int, folder: Path) -> Wrote:
    """Write a state's records in batches."""
    state, n_written = PartitionState(folder), 0
    try:
        for batch in _batches(state):
            await (await outbox.send(topic, partition, batch)).written()
            n_written += len(batch)
    finally:
        state.close()
    return Wrote(n_written, state.place.applied_offset_max, state.epoch.epoch, state.epoch.topic_id, state.epoch.start)


def _batches(state: PartitionState) -> Iterator[list[Item]]:
    """Yield the names of items, then the users, then the topics."""
    batch: list[Item] = []
    for key, value in state.names:
        batch.append((key, value))
        if len(batch) == RECORDS_AT_ONCE:
            yield batch
            batch = []
    after = b""
    while users := state.users(after, RECORDS_AT_ONCE):
        yield [*batch, *users]
        batch, after = [], users[-1][0]
    if state.lists_topic.topic_id:
        batch.append((LISTS_KEY, state.lists_topic.encode()))
    if state.epoch.topic_id:
        batch.append((EPOCH_KEY, state.epoch.encode()))
    if batch:
        yield batch


async def _check_missing(settings: Settings, result: FromDisk) -> None:
    """Check that the changelog has records of every partition that has no state on this machine.

    Raises:
        MoveError: One has none, so its listeners would begin anew.
    """
    topic = topic_names(settings).users_changelog
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        spans = await spans_of(consumer, [TopicPartition(topic, partition) for partition in result.missing])
    empty = [tp.partition for tp, span in spans.items() if span.start == span.end]
    if empty:
        numbers = ", ".join(map(str, empty))
        written = pluralize(len(result.written), "partition")
        message = (
            f"The states of {written} on this machine were written. Of these partitions it has no state, and their "
            f"changelog is empty: {numbers}. Run `playfold state rebase --from-disk` on the machine with their states; "
            "or run `playfold state rebase` alone, and their listeners begin without a history."
        )
        raise MoveError(message)
