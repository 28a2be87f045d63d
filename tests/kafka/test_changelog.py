"""A stale record of a late worker in the changelog: the state keeps the winner, and the winner is written again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from agents.background.sweep import Sweeper
from agents.group_context import GroupContext
from agents.plays.changes import Changes
from agents.plays.commit import Committer
from agents.plays.pipeline import CommitPipeline
from agents.plays.play_flow import PlayFlow
from agents.plays.refold_ahead import GroupTiming
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.store import UserStore
from streams.outbox import Item, Outbox
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.changelog import read_history
from tests.support.deliveries import NOW_MS, folder_of
from tests.support.memory_topics import MemoryTopics

PARTITION = 1


def record(applied: int, plays: int = 1) -> bytes:
    """Return a record's bytes."""
    return UserRecord(applied_offset=applied, plays=plays).encode()


def changes(applied: int, *items: Item) -> dict[int, Changes]:
    """Return changes of the changelog alone."""
    return {PARTITION: Changes(list(items), applied, [], [])}


class Worker(NamedTuple):
    """As much of a worker as writes the changelog."""

    state: PartitionState
    committer: Committer
    outbox: Outbox


@asynccontextmanager
async def working(settings: Settings, folder: Path) -> AsyncIterator[Worker]:
    """Open a partition and commit into it."""
    state = PartitionState(folder)
    async with Outbox(settings.kafka) as outbox:
        yield Worker(state, Committer(outbox, {PARTITION: state}, settings), outbox)
    state.close()


async def write(outbox: Outbox, topic: str, *items: Item) -> None:
    """Write records as somebody else does."""
    await (await outbox.send(topic, PARTITION, items)).written()


async def logged(settings: Settings, names: TopicNames) -> list[Item]:
    """Return the changelog."""
    items: list[Item] = []
    async for _, records in read_topic(settings.kafka, names.users_changelog, 10, [PARTITION]):
        items += [(record.key, record.value) for record in records]
    return items


class OwnStore:
    """The part of the user store that a sweeper uses."""

    settled = True

    def __init__(self, state: PartitionState) -> None:
        """Own one partition."""
        self.partitions = {PARTITION: state}


class OwnPath:
    """Folds users again and commits them."""

    flow = PlayFlow()

    def __init__(self, worker: Worker, settings: Settings) -> None:
        """Commit as `worker`."""
        self._worker, self._settings = worker, settings

    async def refold(self, partition: int, keys: list[bytes], *, publish_all: bool = True) -> GroupTiming | None:
        """Fold and commit."""
        context = GroupContext({partition: self._worker.state}, None, NOW_MS)
        changes = folder_of(self._settings).refold({partition: keys}, context, publish_all=publish_all)
        return GroupTiming(0.0, 0.0) if partition in await self._worker.committer.commit(changes) else None


def sweeper(worker: Worker, settings: Settings) -> Sweeper:
    """Return the sweeper of a worker."""
    serving = Serving(generation_store(settings))
    path = cast(CommitPipeline, OwnPath(worker, settings))
    groups = override(settings, sweep_users=10)
    return Sweeper(cast(UserStore, OwnStore(worker.state)), serving, path, groups, MemoryTopics())


async def test_a_strangers_stale_record_is_outranked_and_overwritten(
    settings: Settings, names: TopicNames, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next commit sees the gap and reads the changelog back; the sweeper then puts the winner behind the stale."""
    async with working(settings, tmp_path / "mine") as mine:
        await mine.committer.commit(changes(10, (b"ann", record(10)), (b"ben", record(9))))
        await write(mine.outbox, names.users_changelog, (b"ann", record(3)), (b"cem", record(4)))

        assert {PARTITION} == await mine.committer.commit(changes(12, (b"dua", record(12))))

        assert [record(10), record(9), record(4), record(12)] == mine.state.read([b"ann", b"ben", b"cem", b"dua"])
        assert Place(4, 12) == mine.state.place
        assert [b"ann"] == mine.state.outranked(10)
        events = [vars(entry) for entry in caplog.records if entry.getMessage() == "changelog_shared"]
        assert [(PARTITION, 2, 4, 1)] == [(e["partition"], e["first"], e["last"], e["outranked"]) for e in events]

        await sweeper(mine, settings).restore_outranked(PARTITION)

        log = await logged(settings, names)
        assert (b"ann", record(10)) == log[-1]
        assert 6 == len(log)
        assert Place(5, 12) == mine.state.place
        assert not mine.state.has_outranked


async def test_a_winner_of_a_stranger_is_taken_in(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """The late worker is this one: its own record is stale, and its state takes the record of the successor."""
    async with working(settings, tmp_path / "late") as late:
        await late.committer.commit(changes(3, (b"ann", record(3))))
        await write(late.outbox, names.users_changelog, (b"ann", record(20, plays=5)))

        await late.committer.commit(changes(4, (b"ann", record(4, plays=2))))

        assert [record(20, plays=5)] == late.state.read([b"ann"])
        assert [b"ann"] == late.state.outranked(10)
        await sweeper(late, settings).restore_outranked(PARTITION)
        assert (b"ann", record(20, plays=5)) == (await logged(settings, names))[-1]


async def test_a_lost_disk_is_rebuilt_to_the_same_state(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """Recovery and read-back follow one rule; the snapshot for training as well."""
    async with working(settings, tmp_path / "mine") as mine:
        await mine.committer.commit(changes(10, (b"ann", record(10)), (b"ben", record(9))))
        await write(mine.outbox, names.users_changelog, (b"ann", record(3)), (b"ben", record(9, plays=2)))
        await mine.committer.commit(changes(12, (b"dua", record(12))))
        expected = mine.state.users(b"", 10)

    rebuilt = PartitionState(tmp_path / "rebuilt")
    async for _, records in read_topic(settings.kafka, names.users_changelog, 10, [PARTITION]):
        rebuilt.apply_changelog(records)
    snapshot = await read_history(settings)

    assert [(b"ann", record(10)), (b"ben", record(9, plays=2)), (b"dua", record(12))] == expected
    assert expected == rebuilt.users(b"", 10)
    assert dict(expected) == snapshot.users
    rebuilt.close()


async def test_a_crash_before_the_state_is_made_good_by_the_next_commit(
    settings: Settings, names: TopicNames, tmp_path: Path
) -> None:
    """Records that were produced and never written to the state are read back, then the group stands behind them."""
    async with working(settings, tmp_path / "mine") as mine:
        await write(mine.outbox, names.users_changelog, (b"ann", record(5)))

        await mine.committer.commit(changes(5, (b"ann", record(5, plays=1))))

        assert Place(1, 5) == mine.state.place
        assert [record(5)] == mine.state.read([b"ann"])
        assert [] == mine.state.outranked(10)


async def test_in_step_nothing_is_read_back(
    settings: Settings, names: TopicNames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as nobody else writes, a commit reads nothing back."""

    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("agents.plays.commit.reader", forbidden)
    async with working(settings, tmp_path / "mine") as mine:
        for applied in range(3):
            await mine.committer.commit(changes(applied, (b"ann", record(applied)), (b"big", b"x" * 700_000)))

        assert Place(5, 2) == mine.state.place
        assert len(await logged(settings, names)) == 6
