"""The background work on users without new plays: after a swap, and after a late worker's stale records."""

import asyncio
import logging
import time

from agents.play_path import PlayPath
from state.partition_state import PartitionState
from state.serving import Serving
from state.user_record import generation_key_of
from state.user_store import UserStore

log = logging.getLogger(__name__)

PAUSE_S = 0.5
"""Between two looks for work."""
TAIL_CHECK_S = 60.0
"""Between two looks for late workers' records in partitions that are quiet."""
YIELD_S = 0.25
"""Longest time that a sweep gives way to plays before its next group."""
YIELD_STEP_S = 0.002


class Sweeper:
    """Folds again, in groups of the same commit path, every user that the present state of things asks for.

    It needs no memory of its own: a partition remembers the generation it was swept under, a user record the one it
    was folded under, and an outranked user is marked. So it can be killed and goes on where it was.
    """

    def __init__(self, store: UserStore, serving: Serving, path: PlayPath, group_users: int) -> None:
        """Sweep the partitions of `store` in groups of `group_users`; plays on their `path` go first."""
        self._store, self._serving, self._path, self._group_users = store, serving, path, group_users

    async def run(self) -> None:
        """Sweep for ever."""
        checked = time.monotonic()
        while True:
            if self._store.settled and time.monotonic() - checked > TAIL_CHECK_S:
                await self._path.check_tails()
                checked = time.monotonic()
            for partition in list(self._store.partitions) if self._store.settled else []:
                await self.restore_outranked(partition)
                await self.sweep(partition)
            self._serving.swapped.clear()
            try:
                await asyncio.wait_for(self._serving.swapped.wait(), PAUSE_S)
            except TimeoutError:
                continue

    async def restore_outranked(self, partition: int) -> None:
        """Write winners to the changelog again where a late worker's record stands behind them."""
        state = self._state(partition)
        while state is not None and state.has_outranked:
            keys = state.outranked(self._group_users)
            if not await self._path.refold(partition, keys):
                return
            log.warning("outranked_users_restored", extra={"partition": partition, "users": len(keys)})
            state = self._state(partition)

    async def sweep(self, partition: int) -> None:
        """Fold every user of a partition into the generation in service, plays first."""
        state, generation = self._state(partition), self._serving.current
        if state is None:
            return
        if generation is None:
            if state.swept:  # who plays meanwhile is folded into nothing, and has to be found again
                state.swept = 0
            return
        if state.swept == generation.key:
            return
        started, n_users, after = time.monotonic(), 0, b""
        while True:
            await self._give_way()
            if self._state(partition) is not state or self._serving.current is not generation:
                return
            found = state.users(after, self._group_users)
            if not found:
                break
            keys = [key for key, value in found if generation_key_of(value) != generation.key]
            if keys and not await self._path.refold(partition, keys):
                return
            after = found[-1][0]
            n_users += len(keys)
        state.swept = generation.key
        seconds = round(time.monotonic() - started, 3)
        log.info(
            "partition_swept",
            extra={"partition": partition, "generation": generation.id, "users": n_users, "seconds": seconds},
        )

    def _state(self, partition: int) -> PartitionState | None:
        """Return a partition's state, None while the partition is not surely ours."""
        return self._store.partitions.get(partition) if self._store.settled else None

    async def _give_way(self) -> None:
        deadline = time.monotonic() + YIELD_S
        await asyncio.sleep(0)
        while self._path.busy and time.monotonic() < deadline:  # noqa: ASYNC110  no event tells of all that is busy
            await asyncio.sleep(YIELD_STEP_S)
