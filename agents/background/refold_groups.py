"""Users of a partition folded again, group by group, beside plays."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from agents.background.group_size import GroupSize
from agents.plays.pipeline import CommitPipeline
from agents.plays.refold_ahead import Folded, Wanted
from state.users.partition import PartitionState
from state.users.record_bytes import is_forgotten
from state.users.store import UserStore
from streams.settings import Settings

REST = 0.5
"""While plays flow, the work rests after a group for this share of the time that the group took."""
SCAN_MAX = 1000
"""Users scanned at once, about two milliseconds."""


class UserGroup(NamedTuple):
    """Users of a partition that are folded together."""

    partition: int
    keys: Sequence[bytes]
    seen: int
    """Users that were scanned for it."""


class Refold(NamedTuple):
    """The work on groups of users."""

    wanted: Wanted
    """Tells by a record whether its user has to be folded; asked again before the user is folded."""
    goes_on: Callable[[], bool]
    """Tells whether the work goes on; asked after every group."""
    done: Callable[[UserGroup, int], None]
    """Called with every group that is durable, and the number of its users that were folded."""
    publish_all: bool = True


class Started(NamedTuple):
    """A group that is being folded."""

    group: UserGroup
    folding: asyncio.Task[Folded | None]


class RefoldGroups:
    """Folds groups of users again through the commit pipeline.

    Without plays, the next group is folded while the one before becomes durable. All plays that arrive meanwhile are
    the next group, so this work never takes two turns in a row.
    """

    def __init__(self, store: UserStore, pipeline: CommitPipeline, settings: Settings) -> None:
        """Work on the partitions of `store`."""
        self._store, self._pipeline = store, pipeline
        self._size = GroupSize(settings.worker.sweep_users)

    @property
    def n_users(self) -> int:
        """Return the number of users of the next group."""
        return self._size.users

    def state(self, partition: int) -> PartitionState | None:
        """Return a partition's state, None if it is not ours or a rebalance is under way."""
        return self._store.partitions.get(partition) if self._store.settled else None

    async def walk(self, partition: int, state: PartitionState, wanted: Wanted) -> AsyncIterator[UserGroup]:
        """Yield, group by group, the users of a partition whose records are wanted, in the order of their keys.

        Forgotten users are left out. The walk ends early if the partition is not ours any more.
        """
        after: bytes | None = b""
        while after is not None and self.state(partition) is state:
            keys, after, seen = self._next_group(state, after, wanted)
            yield UserGroup(partition, keys, seen)
            await asyncio.sleep(0)

    def _next_group(self, state: PartitionState, after: bytes, wanted: Wanted) -> tuple[list[bytes], bytes | None, int]:
        """Return the keys of the next wanted users, the last scanned user, and the number of scanned users.

        The last user is None at the end of the partition.
        """
        keys: list[bytes] = []
        seen, n = 0, self._size.users
        while len(keys) < n and seen < SCAN_MAX:
            scanned = state.users(after, n - len(keys))
            if not scanned:
                return keys, None, seen
            keys += [user for user, value in scanned if not is_forgotten(value) and wanted(value)]
            after, seen = scanned[-1][0], seen + len(scanned)
        return keys, after, seen

    async def refold(self, partition: int, keys: Sequence[bytes]) -> bool:
        """Fold a group in its turn; False if the partition is not ours any more."""
        return await self._pipeline.refold(partition, keys) is not None

    async def refold_all(self, groups: AsyncIterator[UserGroup], work: Refold) -> bool:
        """Fold groups and make them durable, one after the other; False if the work ended early.

        Without plays, a group is folded while the one before is committed.
        """
        started: deque[Started] = deque()
        try:
            async for group in groups:
                if group.keys:
                    started.append(Started(group, asyncio.create_task(self._fold(group, work))))
                else:
                    work.done(group, 0)
                while len(started) > self._ahead_max:
                    if not await self._finish(started.popleft(), work):
                        return False
            while started:
                if not await self._finish(started.popleft(), work):
                    return False
        finally:
            for _, folding in started:
                folding.cancel()
            await asyncio.gather(*(folding for _, folding in started), return_exceptions=True)
        return True

    @property
    def _ahead_max(self) -> int:
        """Return how many groups may be folded ahead: none while plays flow, which would wait for them."""
        return 0 if self._pipeline.flow.group_s is not None else 1

    async def _fold(self, group: UserGroup, work: Refold) -> Folded | None:
        ahead = self._pipeline.ahead
        return await ahead.fold(group.partition, group.keys, work.wanted, publish_all=work.publish_all)

    async def _finish(self, started: Started, work: Refold) -> bool:
        """Commit a folded group, adapt the group size, and rest if plays flow; False if the work has to end.

        A swap of the revision in between makes it fold the group again.
        """
        group, folded = started.group, await started.folding
        timing = await self._pipeline.ahead.commit(folded) if folded is not None else None
        if timing is None and work.goes_on():
            folded = await self._fold(group, work)
            timing = await self._pipeline.ahead.commit(folded) if folded is not None else None
        if folded is None or timing is None:
            return False
        work.done(group, len(folded.values))
        plays_take_s = self._pipeline.flow.group_s
        self._size.adapt(len(folded.values), timing.work_s, plays_take_s)
        await asyncio.sleep(REST * (timing.work_s + timing.whole_s) if plays_take_s is not None else 0)
        return work.goes_on()
