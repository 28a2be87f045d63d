"""The definition of the state: the plays topic folded in one go, to compare with the records of the changelog."""

import asyncio
from typing import NamedTuple

import msgspec

from agents.plays.decode import read_group
from state.users.learn import half_lives_of, learn
from state.users.record import UserRecord
from state.users.record_batch import new_users, pack
from state.users.record_bytes import applied_offset_of
from streams.consumer.slices import Record, Slice
from streams.messages.records import Recommendations
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.changelog import History, read_history


class Latest(NamedTuple):
    """The ends of a compacted topic, as they are and as they should be."""

    winners: dict[bytes, bytes]
    """Per key, the record with the highest applied offset."""
    last: dict[bytes, bytes]
    """Per key, the record that stands last, which compaction keeps."""


def sequential_records(settings: Settings) -> dict[bytes, UserRecord]:
    """Fold the plays topic from its beginning, partition by partition, each in one single group."""

    async def read() -> list[Slice]:
        slices: dict[int, list[Record]] = {}
        async for partition, records in read_topic(settings.kafka, topic_names(settings).plays, 30.0):
            slices.setdefault(partition, []).extend(records)
        return [Slice("plays", partition, records, None) for partition, records in sorted(slices.items())]

    group = read_group(asyncio.run(read()), settings)
    keys = [key for users in group.users.values() for key in users]
    records = learn(
        new_users(len(keys), settings.objective.factors), group.events, settings, half_lives_of(settings)
    ).records
    return {key: UserRecord.decode(value) for key, value in zip(keys, pack(records), strict=True)}


def changelog_records(settings: Settings) -> Latest:
    """Read the users changelog."""

    async def read() -> tuple[History, dict[bytes, bytes]]:
        last: dict[bytes, bytes] = {}
        async for _, records in read_topic(settings.kafka, topic_names(settings).users_changelog, 30.0):
            last |= {record.key: record.value for record in records}
        return await read_history(settings), last

    snapshot, last = asyncio.run(read())
    return Latest(snapshot.users, {key: last[key] for key in snapshot.users})


def latest_lists(settings: Settings) -> dict[bytes, Recommendations]:
    """Read every user's list: the one that reflects the highest offset, the last of equals."""

    async def read() -> dict[bytes, Recommendations]:
        latest: dict[bytes, Recommendations] = {}
        decode = msgspec.json.Decoder(Recommendations).decode
        async for _, records in read_topic(settings.kafka, topic_names(settings).recommendations, 30.0):
            for record in records:
                recommendations = decode(record.value)
                if record.key not in latest or recommendations.offset >= latest[record.key].offset:
                    latest[record.key] = recommendations
        return latest

    return asyncio.run(read())


def stale(latest: Latest) -> list[bytes]:
    """Return the keys whose last record is staler than an earlier one."""
    return [
        key for key, value in latest.winners.items() if applied_offset_of(latest.last[key]) < applied_offset_of(value)
    ]
