"""Writes the states on this machine to a changelog that was made again."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jobs.progress import JobProgress, ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.group import await_no_members
from state.keys import EPOCH_KEY
from state.storage.files import remove_folder
from state.users.partition import PartitionState
from streams.outbox import Item, Outbox
from streams.readers.log_reader import partitions_of, reader
from streams.settings import Settings
from streams.topics.identity import identify_topics
from streams.topics.topics import USERS_TABLE, topic_names

WRITING = "writing the changelog"
RECORDS_AT_ONCE = 5_000


class FromDisk(NamedTuple):
    """The result."""

    written: dict[int, int]
    """By partition, the records that were written."""
    missing: list[int]
    """Partitions without a state on this machine: their changelog stays as it is."""


async def write_from_disk(settings: Settings, on_progress: ProgressCallback) -> FromDisk:
    """Write the newest state of each partition on this machine to the present changelog, and remove the state.

    Step 1: produce all records of a partition, its epoch too, and await every acknowledgement.
    Step 2: remove the folders of the partition; workers rebuild them from the changelog.

    A state that belongs to the present changelog stays as it is. A killed run is repeated: the same records twice are
    harmless, since readers keep the highest position of a user.

    Raises:
        MoveError: Workers run.
        LogReadError, OutboxError, TopicsError: Kafka does not answer, or the changelog is missing.
    """
    await await_no_members(settings)
    topic = topic_names(settings).users_changelog
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        await partitions_of(consumer, topic)
        present = (await identify_topics(consumer._client, [topic]))[topic]  # noqa: SLF001  no public call has the id
    if present.partitions != settings.topics.partitions:
        message = (
            f"Topic {topic} has {present.partitions} partitions, but PLAYFOLD_PARTITIONS is "
            f"{settings.topics.partitions}: delete the topic, and run `playfold topics create`."
        )
        raise MoveError(message)
    written, missing = {}, []
    async with Outbox(settings.kafka) as outbox:
        for partition in range(settings.topics.partitions):
            folders = sorted(settings.application.workers_path.glob(f"*/**/{USERS_TABLE}/{partition}"))
            newest = _newest(folders, present.topic_id)
            if newest is None:
                missing.append(partition)
                continue
            # Step 1
            written[partition] = await _write(outbox, topic, partition, newest)
            # Step 2
            for folder in folders:
                remove_folder(folder)
            on_progress(JobProgress(WRITING, partition + 1, settings.topics.partitions))
    return FromDisk(written, missing)


def _newest(folders: list[Path], present_id: str) -> Path | None:
    """Return the folder whose state contains most of the old changelog; None if one belongs to the present one."""
    newest: tuple[int, Path] | None = None
    for folder in folders:
        state = PartitionState(folder)
        offset, is_present = state.place.changelog_offset, state.changelog_id == present_id
        state.close()
        if is_present:
            return None
        if offset >= 0 and (newest is None or offset > newest[0]):
            newest = offset, folder
    return newest[1] if newest else None


async def _write(outbox: Outbox, topic: str, partition: int, folder: Path) -> int:
    """Write a state's records in batches; return how many."""
    state, n_written = PartitionState(folder), 0
    try:
        for batch in _batches(state):
            await (await outbox.send(topic, partition, batch)).written()
            n_written += len(batch)
    finally:
        state.close()
    return n_written


def _batches(state: PartitionState) -> Iterator[list[Item]]:
    """Yield the names of items, then the users, then the epoch."""
    batch: list[Item] = []
    for key, value in state.names():
        batch.append((key, value))
        if len(batch) == RECORDS_AT_ONCE:
            yield batch
            batch = []
    after = b""
    while users := state.users(after, RECORDS_AT_ONCE):
        yield [*batch, *users]
        batch, after = [], users[-1][0]
    if state.epoch.topic_id:
        batch.append((EPOCH_KEY, state.epoch.encode()))
    if batch:
        yield batch
