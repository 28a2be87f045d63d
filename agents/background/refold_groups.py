"""Users of a partition folded again, group by group, beside plays."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from agents.background.group_size import GroupSize
from agents.plays.pipeline import CommitPipeline
from state.users.partition import PartitionState
from state.users.record_bytes import is_forgotten
from state.users.store import UserStore
from streams.settings import Settings

REST = 0.5
"""While plays flow, the work rests after a group for this share of the time that the group took."""
SCAN_MAX = 1000
"""Users scanned at once, about two milliseconds."""


class RefoldGroups:
    """Walks through partitions, and folds users again in groups of the commit pipeline.

    All plays that arrive meanwhile are the next group, so this work never takes two turns in a row.
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

    def walk(self, state: PartitionState, wanted: Callable[[bytes], bool]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield, group by group, the number of scanned users and the keys of those whose records are wanted.

        Forgotten users are left out.
        """
        after: bytes | None = b""
        while after is not None:
            keys, after, seen = self._next_group(state, after, wanted)
            yield seen, keys

    def _next_group(
        self, state: PartitionState, after: bytes, wanted: Callable[[bytes], bool]
    ) -> tuple[list[bytes], bytes | None, int]:
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

    async def refold(self, partition: int, keys: Sequence[bytes], *, publish_all: bool = True) -> bool:
        """Fold a group, adapt the group size, and rest if plays flow; False if the partition is not ours any more."""
        timing = await self._pipeline.refold(partition, keys, publish_all=publish_all)
        if timing is None:
            return False
        plays_take_s = self._pipeline.flow.group_s
        self._size.adapt(len(keys), timing.work_s, plays_take_s)
        if plays_take_s is not None:
            await asyncio.sleep(REST * timing.whole_s)
        return True
