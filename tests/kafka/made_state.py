"""A state on Kafka as workers leave it, made without a worker; and the questions that tests of a move ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from aiokafka import TopicPartition

from jobs.topics.group import commit_offsets
from jobs.topics.plays_copy import SOURCE
from jobs.topics.rebase import describe_topics, publish_topics
from state.keys import EPOCH_KEY, is_user, item_key, item_name_key
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.record import UserRecord
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.positions import position_of
from streams.readers.lag import lag_of
from streams.readers.log_reader import read_topic, reader
from streams.readers.topic_identities import read_identities
from streams.settings import Settings
from streams.topics.topics import USERS_TABLE, topic_names

USERS = [f"u{number}" for number in range(6)]


@dataclass(order=True)
class Logged:
    """A record of a topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    source: bytes | None
    """The place of the original, of a copied play."""


async def log_of(settings: Settings, topic: str) -> list[Logged]:
    """Return all records of a topic."""
    return [
        Logged(partition, record.offset, record.key, record.value, dict(record.headers).get(SOURCE))
        async for partition, records in read_topic(settings.kafka, topic, 10)
        for record in records
    ]


async def apply_all(settings: Settings, epoch: int = 0) -> None:
    """Write the changelog as workers would after all plays that Kafka has, and commit their offsets."""
    names, cluster = topic_names(settings), await describe_topics(settings)
    plays: dict[str, list[Logged]] = {}
    for play in await log_of(settings, names.plays):
        plays.setdefault(play.key.decode(), []).append(play)
    items: dict[int, list[Item]] = {
        partition: [
            (EPOCH_KEY, PlaysEpoch(epoch, cluster.plays.topic_id).encode()),
            (item_name_key(item_key("x")), b"x"),
        ]
        for partition in range(settings.topics.partitions)
    }
    for user, of_user in plays.items():
        applied = position_of(epoch, max(play.offset for play in of_user))
        record = UserRecord(applied_offset=applied, plays=len(of_user)).encode()
        items[of_user[-1].partition].append((user.encode(), record))
    async with Outbox(settings.kafka) as outbox:
        for partition, of_partition in items.items():
            await (await outbox.send(names.users_changelog, partition, of_partition)).written()
            lists: list[Item] = [
                (key, msgspec.json.encode({"user_id": key.decode(), "offset": 0, "epoch": epoch}))
                for key, _ in of_partition
                if is_user(key)
            ]
            await (await outbox.send(names.recommendations, partition, lists or [(b"none", None)])).written()
        await publish_topics(settings, outbox, cluster, epoch)
    ends = {TopicPartition(names.plays, partition): span.end for partition, span in cluster.spans.items()}
    await commit_offsets(settings, ends)


async def put_on_disk(settings: Settings) -> None:
    """Write the changelog to the disk of the worker of these settings."""
    names = topic_names(settings)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        changelog = (await read_identities(consumer, [names.users_changelog], settings.kafka))[names.users_changelog]
    logs: dict[int, list[Logged]] = {}
    for record in await log_of(settings, names.users_changelog):
        logs.setdefault(record.partition, []).append(record)
    for partition, records in logs.items():
        state = PartitionState(settings.application.worker_path / USERS_TABLE / str(partition))
        state.apply_changelog(records)
        state.adopt_changelog(changelog.topic_id)
        state.close()


async def send_round(settings: Settings, number: int) -> None:
    """Send one play of every listener."""
    async with Outbox(settings.kafka) as outbox:
        for user in USERS:
            play = f'{{"user_id": "{user}", "item_id": "i{number}", "played_at": "2026-11-30T12:00:00Z"}}'.encode()
            home = partition_of(user, settings.topics.partitions)
            await (await outbox.send(topic_names(settings).plays, home, [(user.encode(), play)])).written()


async def marks_of(settings: Settings) -> dict[int, PlaysEpoch]:
    """Return the epoch that each partition of the changelog has, of those with any."""
    marks = dict[int, PlaysEpoch]()
    for record in await log_of(settings, topic_names(settings).users_changelog):
        if record.key == EPOCH_KEY:
            mark = read_epoch(record.value)
            if mark.epoch >= marks.get(record.partition, mark).epoch:
                marks[record.partition] = mark
    return marks


async def plays_of(settings: Settings) -> dict[str, int]:
    """Return the plays that each listener's record contains."""
    log = await log_of(settings, topic_names(settings).users_changelog)
    latest = {record.key: record.value for record in log if is_user(record.key)}
    return {key.decode(): UserRecord.decode(value).plays for key, value in latest.items() if value is not None}


async def committed_of(settings: Settings) -> dict[int, int | None]:
    """Return the committed offsets of plays."""
    async with lag_of(settings) as lag:
        return {partition: one.committed for partition, one in (await lag.offsets()).items()}


async def waiting_of(settings: Settings) -> Mapping[str, list[str]]:
    """Return the items of the plays of each listener that the committed offsets leave to workers, in order."""
    committed, waiting = await committed_of(settings), dict[str, list[str]]()
    for play in await log_of(settings, topic_names(settings).plays):
        if play.offset >= (committed[play.partition] or 0):
            waiting.setdefault(play.key.decode(), []).append(msgspec.json.decode(play.value or b"")["item_id"])
    return waiting
