"""Groups without plays, folded before their turn: the next one is folded while the one before becomes durable."""

import asyncio
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from typing import NamedTuple

from agents.group_context import GroupContext
from agents.plays.changes import Changes, without
from agents.plays.commit import Committer
from agents.plays.group_work import GroupWork
from state.generations.serving import Serving
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record_bytes import is_forgotten
from state.users.store import UserStore

Wanted = Callable[[bytes], bool]
"""Tells by a record whether its user has to be folded."""


class GroupTiming(NamedTuple):
    """The seconds that a group took."""

    work_s: float
    """To fold and rank its users."""
    whole_s: float
    """From the start of its turn to being durable; with the work, if it is done in the turn."""


class Folded(NamedTuple):
    """Users of a partition that are folded, and nothing of it durable yet."""

    partition: int
    context: GroupContext
    place: Place
    """The place of the state before its records were read."""
    values: dict[bytes, bytes]
    """The records that they were folded from."""
    changes: Changes
    work_s: float

    @property
    def state(self) -> PartitionState:
        """Return the state of the partition."""
        return self.context.states[self.partition]


class Committed(NamedTuple):
    """A group that was committed."""

    state: PartitionState
    before: Place
    after: Place
    """The places of the state."""
    keys: AbstractSet[bytes]

    def leaves(self, folded: Folded) -> bool:
        """Tell whether no record of a folded group has changed since it was read, as this one has other users."""
        places = (self.before, self.after) == (folded.place, folded.state.place)
        return self.state is folded.state and places and self.keys.isdisjoint(folded.values)


class RefoldAhead:
    """Folds groups of users without a turn, and commits them in a turn.

    A commit leaves out the users whose record is another one by then: a group of plays has folded them since, or a late
    worker's record was read back. So the result is that of a group that was folded in its turn. Nothing is durable
    before the turn, and the steps within it are those of every group (`agents/plays/commit.py`).
    """

    def __init__(
        self,
        store: UserStore,
        serving: Serving,
        committer: Committer,
        work: GroupWork,
        thread: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fold in the thread of groups. The store closes a partition in that thread, so never beside a group in it."""
        self._store, self._serving, self._committer = store, serving, committer
        self._work, self._thread, self._clock = work, thread, clock
        self._latest: Committed | None = None

    async def fold(
        self, partition: int, keys: Sequence[bytes], wanted: Wanted, *, publish_all: bool = True
    ) -> Folded | None:
        """Fold those users of a partition whose record is wanted, under the generation in service; no forgotten ones.

        Returns:
            The folded users; None if the partition is not ours any more, or the generation or its revision was swapped.
        """
        context = self.context()
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._fold(partition, keys, wanted, context, publish_all=publish_all)
        )

    def context(self) -> GroupContext:
        """Return the context of a group that begins now."""
        return GroupContext(dict(self._store.partitions), self._serving.current, time.time_ns() // 1_000_000)

    def _fold(
        self, partition: int, keys: Sequence[bytes], wanted: Wanted, context: GroupContext, *, publish_all: bool
    ) -> Folded | None:
        """Read and fold users, in the thread in which partitions are closed and generations are swapped."""
        state = context.states.get(partition)
        if state is None or not self._is_current(partition, context):
            return None
        began, place = self._clock(), state.place
        read = zip(keys, state.read(keys), strict=True)
        values = {key: value for key, value in read if value and not is_forgotten(value) and wanted(value)}
        changes = self._work.refold_values(partition, values, context, publish_all=publish_all)
        return Folded(partition, context, place, values, changes, self._clock() - began)

    async def commit(self, folded: Folded) -> GroupTiming | None:
        """Make folded users durable in a turn.

        Returns:
            The timing; None if nothing was committed, for one of the reasons of `fold`.
        """
        async with self._store.lock:
            began = self._clock()
            if not self._is_current(folded.partition, folded.context):
                return None
            changes = self._unchanged(folded)
            if changes.changelog or changes.lists:
                await self._write(folded, changes)
            return GroupTiming(folded.work_s, self._clock() - began)

    async def _write(self, folded: Folded, changes: Changes) -> None:
        """Make the changes of a group durable, and remember it if no foreign record was read back with it."""
        state, generation = folded.state, folded.context.generation
        state.folds_under(generation.key if generation else 0)
        before = state.place
        await self._committer.commit({folded.partition: changes}, lists_first=True)
        is_alone = state.place.changelog_offset - before.changelog_offset == len(changes.changelog)
        self._latest = Committed(state, before, state.place, folded.values.keys()) if is_alone else None

    def _unchanged(self, folded: Folded) -> Changes:
        """Return the changes of the users whose record is still the one that they were folded from.

        If the place of the state has not moved, no commit was in between, and nothing is compared. The same holds
        if only the latest group was committed in between, of other users.
        """
        if folded.state.place == folded.place or (self._latest is not None and self._latest.leaves(folded)):
            return folded.changes
        keys = list(folded.values)
        present = zip(keys, folded.state.read(keys), strict=True)
        return without(folded.changes, {key for key, value in present if value != folded.values[key]})

    def _is_current(self, partition: int, context: GroupContext) -> bool:
        """Tell whether a partition is still ours, and the generation in service at the same revision."""
        is_ours = self._store.partitions.get(partition) is context.states.get(partition)
        return is_ours and self._serving.current is context.generation
