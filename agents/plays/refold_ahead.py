"""Groups without plays, folded before their turn: the next one is folded while the one before becomes durable."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from agents.group_context import GroupContext
from agents.plays.changes import Changes, without
from agents.plays.commit import Committer
from agents.plays.group_work import GroupWork
from state.generations.serving import Serving
from state.users.changelog import Place
from state.users.partition import PartitionState
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

    async def fold(
        self, partition: int, keys: Sequence[bytes], wanted: Wanted, *, publish_all: bool = True
    ) -> Folded | None:
        """Fold those users of a partition whose record is wanted, under the generation in service.

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
        values = {key: value for key, value in read if value is not None and wanted(value)}
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
            changes = _unchanged(folded)
            if changes.changelog or changes.lists:
                generation = folded.context.generation
                folded.state.folds_under(generation.key if generation else 0)
                await self._committer.commit({folded.partition: changes}, lists_first=True)
            return GroupTiming(folded.work_s, self._clock() - began)

    def _is_current(self, partition: int, context: GroupContext) -> bool:
        """Tell whether a partition is still ours, and the generation in service at the same revision."""
        is_ours = self._store.partitions.get(partition) is context.states.get(partition)
        return is_ours and self._serving.current is context.generation


def _unchanged(folded: Folded) -> Changes:
    """Return the changes of the users whose record is still the one that they were folded from.

    A state whose place has not moved has had no commit since.
    """
    if folded.state.place == folded.place:
        return folded.changes
    keys = list(folded.values)
    present = zip(keys, folded.state.read(keys), strict=True)
    return without(folded.changes, {key for key, value in present if value != folded.values[key]})
