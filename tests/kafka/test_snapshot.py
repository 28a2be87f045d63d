"""A snapshot of a real changelog."""

import asyncio
from pathlib import Path

import pytest

from jobs.histories.snapshot import open_snapshot, write_snapshot
from jobs.progress import JobProgress, no_progress
from state.keys import item_key, item_name_key
from state.users.record import HistoryEntry, UserRecord
from streams.outbox import Item, Outbox
from streams.readers.log_reader import LogReadError
from streams.settings import Settings
from streams.topics.topics import TopicNames


def record(applied: int, plays: int = 0) -> bytes:
    """Return a user record."""
    return UserRecord(applied_offset=applied, plays=plays, history=[HistoryEntry(item_key("ï"), 1.0, 1, 5)]).encode()


async def write(settings: Settings, topic: str, partition: int, items: list[Item]) -> None:
    """Write records into a partition."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, partition, items)).written()


def test_a_snapshot_keeps_the_highest_applied_offset(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """Independently of later records; deletions delete, every partition has its end, progress is reported."""
    first: list[Item] = [
        (item_name_key(item_key("ï")), "ï".encode()),
        (b"ben", record(4)),
        (b"ann", record(9, plays=3)),
        (b"ann", record(2)),
        (b"ben", record(4, plays=1)),
        (b"cem", record(8)),
        (b"cem", None),
    ]
    asyncio.run(write(settings, names.users_changelog, 0, first))
    asyncio.run(write(settings, names.users_changelog, 3, [(b"dua", record(1))]))
    reported: list[JobProgress] = []

    written = asyncio.run(write_snapshot(settings, tmp_path, reported.append))

    snapshot = open_snapshot(tmp_path)
    users = snapshot.users()
    assert written == snapshot
    assert [("ann", 9, 3), ("ben", 4, 1), ("dua", 1, 0)] == list(
        zip(*(users[name].to_pylist() for name in ("user_id", "applied_offset", "plays")), strict=True)
    )
    assert {item_key("ï"): "ï"} == snapshot.item_ids()
    assert {0: 7, 3: 1} == snapshot.record.read_through
    assert 3 == snapshot.record.n_users
    assert 1 == snapshot.record.n_items
    assert (8, 8) == reported[-1][1:3]


def test_an_empty_changelog_is_a_snapshot_of_nobody(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """It is the training that has nothing to train on."""
    assert names.users_changelog
    snapshot = asyncio.run(write_snapshot(settings, tmp_path, no_progress))

    assert 0 == len(snapshot.users())
    assert {} == snapshot.item_ids()
    assert {} == snapshot.record.read_through


def test_a_missing_changelog_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    """It names the topic and the way out."""
    with pytest.raises(LogReadError, match="-users-changelog does not exist; `playfold topics create` makes it"):
        asyncio.run(write_snapshot(settings, tmp_path, no_progress))
