"""Where something of a listener is still to be found: on every topic, and in every store on this machine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka.structs import ConsumerRecord

from jobs.histories.snapshot import USERS
from state.errors import StateError
from state.gateway_view import list_on_disk
from state.users.partition import OUTRANKED_PREFIX, OWED_PREFIX
from state.users.partition_on_disk import read_on_disk
from state.users.record import is_forgotten
from streams.files.replay import partition_of
from streams.messages.events import Forget, UnreadablePlay, read_event
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.settings.deployment import ApplicationSettings
from streams.topics.topics import USERS_TABLE, topic_names


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a topic, or a folder on this machine, holds of a listener."""

    place: str
    """Name of the topic, or path of the folder."""
    stands: bool
    """Whether anything of them stands there that will not go by itself."""
    older: int
    """Records that nothing reads any more, and that go with compaction, with retention, or when a worker catches up."""
    unread: str | None = None
    """Why it could not be looked into."""


async def look_for(user_id: str, settings: Settings) -> list[Trace]:
    """Read every topic that may hold something of a listener, and what is on the disk of this machine.

    Of topics that are not compacted nothing can be removed before their retention ends; workers read none of it again.
    What a worker remembers of a private session is in its memory alone, and ends with the wish to be forgotten.

    Raises:
        LogReadError: Kafka or a topic is not there.
    """
    names = topic_names(settings)
    changelog, changed_at = await _on_compacted(names.users_changelog, user_id, settings)
    recommendations, listed_at = await _on_compacted(names.recommendations, user_id, settings)
    fleeting = names.private_recommendations, names.plays, names.plays_rejected
    passing = [Trace(place=topic, stands=False, older=await _count(topic, user_id, settings)) for topic in fleeting]
    return [
        changelog,
        recommendations,
        *passing,
        *_in_states(user_id, settings, changed_at),
        *_in_views(user_id, settings, listed_at),
        *_in_nights(user_id, settings.application),
    ]


async def _records(topic: str, user_id: str, settings: Settings) -> AsyncIterator[ConsumerRecord]:
    """Yield what stands under a listener's key on a topic."""
    key, partition = user_id.encode(), partition_of(user_id, settings.topics.partitions)
    async for _, records in read_topic(settings.kafka.brokers, topic, settings.kafka.timeout_s, [partition]):
        for record in records:
            if record.key == key:
                yield record


async def _on_compacted(topic: str, user_id: str, settings: Settings) -> tuple[Trace, int]:
    """Look at a topic of which compaction leaves the last record; return the offset of that one, too, -1 for none."""
    n_with_content, stands, last = 0, False, -1
    async for record in _records(topic, user_id, settings):
        stands, last = _has_content(record.value), record.offset
        n_with_content += stands
    return Trace(place=topic, stands=stands, older=n_with_content - stands), last


async def _count(topic: str, user_id: str, settings: Settings) -> int:
    """Count what stands on a topic that is not compacted, wishes to be forgotten left out."""
    is_plays = topic == topic_names(settings).plays
    n = 0
    async for record in _records(topic, user_id, settings):
        n += not (is_plays and _is_wish(record, settings.topics.play_bytes_max))
    return n


def _has_content(value: bytes | None) -> bool:
    """Tell whether a record of a compacted topic says more than that somebody was forgotten."""
    return value is not None and not is_forgotten(value)


def _is_wish(record: ConsumerRecord, bytes_max: int) -> bool:
    """Tell whether a record of `plays` is itself a wish to be forgotten."""
    try:
        return isinstance(read_event(record.key, record.value, bytes_max), Forget)
    except UnreadablePlay:
        return False


def _in_states(user_id: str, settings: Settings, changed_at: int) -> Iterator[Trace]:
    """Look into the state of every worker on this machine that has, or once had, the listener's partition.

    A record there is overtaken once the changelog says something later of the listener: the worker takes that in, or
    has it in memory and not on the disk yet. If the changelog does not, what stands on the disk would stay there.
    """
    key, partition = user_id.encode(), partition_of(user_id, settings.topics.partitions)
    keys = [key, OUTRANKED_PREFIX + key, OWED_PREFIX + key]
    for folder in sorted(settings.application.workers_path.glob(f"*/**/{USERS_TABLE}/{partition}")):
        try:
            found = read_on_disk(folder, keys)
        except StateError as error:
            yield Trace(place=str(folder), stands=False, older=0, unread=str(error))
            continue
        n_held = sum(_has_content(value) for value in found.values)
        stands = n_held > 0 and changed_at <= found.place.changelog_offset
        yield Trace(place=str(folder), stands=stands, older=0 if stands else n_held)


def _in_views(user_id: str, settings: Settings, listed_at: int) -> Iterator[Trace]:
    """Look into what every gateway on this machine holds; a list there is overtaken as a record in a state is."""
    topic, partition = topic_names(settings).recommendations, partition_of(user_id, settings.topics.partitions)
    for folder in sorted(settings.application.gateways_path.glob("*/view")):
        try:
            found = list_on_disk(folder, user_id, topic, partition)
        except StateError as error:
            yield Trace(place=str(folder), stands=False, older=0, unread=str(error))
            continue
        stands = found.exists and found.next_offset > listed_at
        yield Trace(place=str(folder), stands=stands, older=int(found.exists and not stands))


def _in_nights(user_id: str, application: ApplicationSettings) -> Iterator[Trace]:
    """Look into the histories that an unfinished run holds; a finished one has none."""
    for path in sorted(application.nights_path.glob(f"*/*/{USERS}")):
        yield _in_snapshot(path, user_id)


def _in_snapshot(path: Path, user_id: str) -> Trace:
    try:
        n_found = pq.read_table(path, columns=["user_id"], filters=[("user_id", "==", user_id)]).num_rows
    except (OSError, pa.ArrowInvalid) as error:
        return Trace(place=str(path), stands=False, older=0, unread=f"{path.name} cannot be read: {error}.")
    return Trace(place=str(path), stands=n_found > 0, older=0)
