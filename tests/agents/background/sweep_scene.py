"""A partition of seven users to sweep, with a real state and a path in memory."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from agents.background.sweep import Sweeper
from agents.group_context import GroupContext
from agents.plays.changes import Changes
from agents.plays.commit import Committer
from agents.plays.group_work import make_group_work
from agents.plays.pipeline import CommitPipeline
from agents.plays.play_flow import PlayFlow
from agents.plays.refold_ahead import Folded, GroupTiming, RefoldAhead
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.record_bytes import generation_key_of
from state.users.store import UserStore
from streams.outbox import Item
from streams.settings import override
from tests.support.deliveries import NOW_MS, Delivered, fold_slices, make_durable, played, slice_of
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.memory_topics import MemoryTopics
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)
USERS = [f"u{number}".encode() for number in range(7)]


class MemoryStore:
    """The part of the user store that a sweeper uses."""

    def __init__(self, partitions: dict[int, PartitionState]) -> None:
        """Own these partitions."""
        self.partitions, self.settled, self.lock = partitions, True, asyncio.Lock()


class StandingFlow(PlayFlow):
    """A flow of plays that has stopped.

    Attributes:
        seconds: Duration of a group of plays; None while there is none.
    """

    seconds: float | None = None

    @property
    def group_s(self) -> float | None:
        """Return the seconds."""
        return self.seconds


class TimedAhead(RefoldAhead):
    """Folds and commits for a path, in the seconds and at the time that it says."""

    def __init__(self, path: "MemoryPath", store: MemoryStore, serving: Serving) -> None:
        """Write into the states through `path`."""
        work = make_group_work(SETTINGS, Ranker(SETTINGS.ranking), TrainedPopularity(), [])
        thread = ThreadPoolExecutor(1)
        super().__init__(cast(UserStore, store), serving, cast(Committer, path), work, thread)
        self._path = path

    def context(self) -> GroupContext:
        """Return a context of the path's time."""
        return replace(super().context(), now_ms=self._path.now_ms)

    async def commit(self, folded: Folded) -> GroupTiming | None:
        """Commit, in the seconds of the path."""
        return self._path.took if await super().commit(folded) is not None else None


class MemoryPath:
    """Folds users into the states at once, in the seconds that are asked for."""

    def __init__(self, store: MemoryStore, serving: Serving) -> None:
        """Work on the partitions of `store`."""
        self.groups: list[list[bytes]] = []
        self.published: list[bytes] = []
        self.now_ms = NOW_MS
        self.dropped: list[list[bytes]] = []
        self.took, self.n_waits = GroupTiming(0.001, 0.002), 0
        self.flow = StandingFlow()
        self.after_group: Callable[[], None] = lambda: None
        self._store, self.ahead = store, TimedAhead(self, store, serving)

    async def group_ended(self) -> None:
        """Take note; there is never a group in hand."""
        self.n_waits += 1

    async def drop(self, partition: int, users: Sequence[bytes]) -> bool:
        """Take note."""
        self.dropped.append(list(users))
        return partition in self._store.partitions

    async def write(self, partition: int, state: PartitionState, items: list[Item]) -> bool:
        """Commit records that change no user."""
        if self._store.partitions.get(partition) is not state:
            return False
        make_durable({partition: Changes(items, -1, [], [])}, self._store.partitions)
        return True

    async def refold(self, partition: int, keys: Sequence[bytes], *, publish_all: bool = True) -> GroupTiming | None:
        """Fold and commit."""
        folded = await self.ahead.fold(partition, keys, lambda _value: True, publish_all=publish_all)
        return await self.ahead.commit(folded) if folded is not None else None

    async def commit(self, changes: Mapping[int, Changes], *, lists_first: bool) -> set[int]:
        """Write changes into the states at once."""
        assert lists_first
        make_durable(changes, self._store.partitions)
        for changed in changes.values():
            self.groups.append([key for key, _ in changed.changelog])
            self.published += [key for key, _ in changed.lists]
        self.after_group()
        return set(changes)


class Scene:
    """Seven users of one partition, folded under the first generation, and two generations to serve."""

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        self.first = make_generation(folder / "generations", FIRST_ID)
        self.second = make_generation(folder / "generations", SECOND_ID, seed=1)
        self.state = PartitionState(folder / "state")
        self.store = MemoryStore({0: self.state})
        self.serving = Serving(FolderStore(folder / "generations"))
        self.path, self.topics = MemoryPath(self.store, self.serving), MemoryTopics()
        plays = [played(user.decode(), "i1") for user in USERS]
        fold_slices([slice_of(0, 0, *plays)], self.store.partitions, self.first, SETTINGS)

    def sweeper(self, group_users: int = 3, **chosen: Any) -> Sweeper:
        """Return a new sweeper, as a new process has it."""
        return Sweeper(
            cast(UserStore, self.store),
            self.serving,
            cast(CommitPipeline, self.path),
            override(SETTINGS, sweep_users=group_users, **chosen),
            self.topics,
        )

    def under(self, generation: Generation) -> list[bytes]:
        """Return the users folded under a generation."""
        return [key for key, value in self.state.users(b"", 1000) if generation_key_of(value) == generation.key]


def outrank(scene: Scene, *keys: bytes) -> None:
    """Let a stale record of a late worker stand behind the winner of users."""
    stale = UserRecord(applied_offset=-1).encode()
    first = scene.state.place.changelog_offset + 1
    records: list[Any] = [Delivered(offset, key, stale) for offset, key in enumerate(keys, first)]
    scene.state.apply_changelog(records)
