"""The remnants of a forgotten listener: on every topic, and in every store on this machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka.structs import ConsumerRecord

from jobs.histories.snapshot import USERS
from state.errors import StateError
from state.gateway_view.lists_on_disk import lists_on_disk
from state.users.partition_on_disk import read_on_disk
from state.users.record_bytes import is_forgotten
from state.users.stored_keys import OUTRANKED_PREFIX, OWED_PREFIX
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.events import Forget, UnreadablePlay, read_event
from streams.partitioning import partition_of
from streams.readers.latest_record import records_under
from streams.settings import Settings
from streams.settings.deployment import ApplicationSettings
from streams.topics.topics import USERS_TABLE, topic_names


class Remnant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The records of a listener on a topic, or in a folder on this machine."""

    place: str
    """Name of the topic, or path of the folder."""
    stands: bool
    """Whether a current record is there, which nothing will remove."""
    older: int
    """Superseded records. Compaction, retention or a worker that catches up removes them; no process reads them."""
    unread: str | None = None
    """Why the place could not be read."""


async def find_remnants(user_id: str, settings: Settings) -> list[Remnant]:
    """Read every topic that may contain a record of a listener, and the disk of this machine.

    Nothing can be removed from topics that are not compacted before their retention ends; workers do not read it again.
    A private session is in the memory of a worker alone, and ends with the request to be forgotten.

    Raises:
        LogReadError: Kafka does not answer, or a topic is missing.
    """
    names = topic_names(settings)
    changelog, changed_at = await _on_compacted(names.users_changelog, user_id, settings)
    recommendations, listed_at = await _on_compacted(names.recommendations, user_id, settings)
    expiring = names.private_recommendations, names.plays, names.plays_rejected
    return [
        changelog,
        recommendations,
        *[await _on_expiring(topic, user_id, settings) for topic in expiring],
        *_in_states(user_id, settings, changed_at),
        *_in_views(user_id, settings, listed_at),
        *_in_nights(user_id, settings.application),
    ]


async def _on_compacted(topic: str, user_id: str, settings: Settings) -> tuple[Remnant, dict[int, int]]:
    """Read a compacted topic; return the offset of the last record of every partition that has one, too."""
    n_with_content, standing, last = 0, dict[int, bool](), dict[int, int]()
    async for partition, record in records_under(topic, user_id, settings):
        standing[partition], last[partition] = _has_content(record.value), record.offset
        n_with_content += standing[partition]
    n_standing = sum(standing.values())
    return Remnant(place=topic, stands=n_standing > 0, older=n_with_content - n_standing), last


async def _on_expiring(topic: str, user_id: str, settings: Settings) -> Remnant:
    """Count the records on a topic that is not compacted, without requests to be forgotten."""
    is_plays, skipped = topic == topic_names(settings).plays, list[UnreadableBatch]()
    n = 0
    async for _, record in records_under(topic, user_id, settings, skipped.append):
        n += not (is_plays and _is_forget(record, settings.topics.play_bytes_max))
    unread = " ".join(str(batch) for batch in skipped) or None
    return Remnant(place=topic, stands=False, older=n, unread=unread)


def _has_content(value: bytes | None) -> bool:
    """Tell whether a record of a compacted topic is more than the marker of a forgotten listener."""
    return value is not None and not is_forgotten(value)


def _is_forget(record: ConsumerRecord, bytes_max: int) -> bool:
    """Tell whether a record of `plays` is a request to be forgotten."""
    try:
        return isinstance(read_event(record.key, record.value, bytes_max), Forget)
    except UnreadablePlay:
        return False


def _in_states(user_id: str, settings: Settings, changed_at: Mapping[int, int]) -> Iterator[Remnant]:
    """Read the state of every worker on this machine, of every partition.

    A record there is superseded if the changelog has a later one: the worker will read that one, or has it in memory
    and not on the disk yet. Otherwise the record would stay on the disk.
    """
    key, home = user_id.encode(), partition_of(user_id, settings.topics.partitions)
    keys = [key, OUTRANKED_PREFIX + key, OWED_PREFIX + key]
    for folder in sorted(settings.application.workers_path.glob(f"*/**/{USERS_TABLE}/*")):
        if not folder.name.isdecimal():
            continue
        try:
            on_disk = read_on_disk(folder, keys)
        except StateError as error:
            yield Remnant(place=str(folder), stands=False, older=0, unread=str(error))
            continue
        n_held = sum(_has_content(value) for value in on_disk.values)
        if not n_held and int(folder.name) != home:
            continue
        stands = n_held > 0 and changed_at.get(int(folder.name), -1) <= on_disk.place.changelog_offset
        yield Remnant(place=str(folder), stands=stands, older=0 if stands else n_held)


def _in_views(user_id: str, settings: Settings, listed_at: Mapping[int, int]) -> Iterator[Remnant]:
    """Read the view of every gateway on this machine; a list there is superseded by a later one on the topic."""
    topic, home = topic_names(settings).recommendations, partition_of(user_id, settings.topics.partitions)
    for folder in sorted(settings.application.gateways_path.glob("*/view")):
        try:
            lists = lists_on_disk(folder, user_id, topic, home, settings.topics.partitions)
        except StateError as error:
            yield Remnant(place=str(folder), stands=False, older=0, unread=str(error))
            continue
        n_standing = sum(next_offset > listed_at.get(partition, -1) for partition, next_offset in lists.items())
        yield Remnant(place=str(folder), stands=n_standing > 0, older=len(lists) - n_standing)


def _in_nights(user_id: str, application: ApplicationSettings) -> Iterator[Remnant]:
    """Read the histories of unfinished runs; a finished one has none."""
    for path in sorted(application.nights_path.glob(f"*/*/{USERS}")):
        yield _in_snapshot(path, user_id)


def _in_snapshot(path: Path, user_id: str) -> Remnant:
    try:
        n_found = pq.read_table(path, columns=["user_id"], filters=[("user_id", "==", user_id)]).num_rows
    except (OSError, pa.ArrowInvalid) as error:
        return Remnant(place=str(path), stands=False, older=0, unread=f"{path.name} cannot be read: {error}.")
    return Remnant(place=str(path), stands=n_found > 0, older=0)
