"""The background work on users without new plays: after a swap, and after a late worker's stale records."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from agents.background.group_size import GroupSize
from agents.plays.pipeline import CommitPipeline
from state.generations.serving import Serving
from state.lists.publish_policy import RENEWED_AT
from state.users.partition import PartitionState
from state.users.record import generation_key_of, is_forgotten, listed_at_ms_of
from state.users.store import UserStore
from streams.settings import Settings

log = logging.getLogger(__name__)

PAUSE_S = 0.5
"""Between two looks for work."""
TAIL_CHECK_S = 60.0
"""Between two looks for late workers' records in partitions that are quiet."""
REST = 0.5
"""While plays flow a sweep rests before its next group, for so many times what the last one took."""
SCAN_MAX = 1000
"""Users looked at in one go, about two milliseconds."""
MARKER_S = 24 * 3600.0
"""How long the marker of a forgotten user is kept: no worker freezes longer and then writes a record of them."""
FORGOTTEN_MAX = 1000
"""Markers removed in one go."""
LOOKS = 20
"""Looks for lists that grow old within the time in which a list expires."""
PROGRESS_S = 3.0
"""Between two events that tell how far a sweep is."""


class Progress:
    """How far the sweep of a partition is, told now and then."""

    def __init__(self, partition: int, generation_id: str, about: int) -> None:
        """Begin; the partition has about so many users."""
        self.seen = self.refolded = 0
        self._partition, self._generation_id, self._about = partition, generation_id, about
        self._began = self._told = time.monotonic()

    def tell(self) -> None:
        """Tell how far it is, unless that was told just now."""
        if time.monotonic() - self._told >= PROGRESS_S:
            self._told = time.monotonic()
            log.info("sweep_progress", extra={**self._fields(), "seen": self.seen, "of_about": self._about})

    def end(self) -> None:
        """Tell that every user is folded."""
        log.info("partition_swept", extra=self._fields())

    def _fields(self) -> dict[str, object]:
        seconds = round(time.monotonic() - self._began, 3)
        return {
            "partition": self._partition,
            "generation": self._generation_id,
            "users": self.refolded,
            "seconds": seconds,
        }


class Sweeper:
    """Folds again, in groups of the same commit path, every user that the present state of things asks for.

    It needs no memory of its own: a partition remembers the generation it was swept under, a user record the one it
    was folded under, and an outranked user is marked. So it can be killed and goes on where it was.

    Every user's list names a generation, so after a swap every list goes out again, whether its items changed or not.
    Another revision of the same generation is no reason to sweep. A list that nobody changed is renewed before it
    expires.
    """

    def __init__(self, store: UserStore, serving: Serving, pipeline: CommitPipeline, settings: Settings) -> None:
        """Sweep the partitions of `store` in small groups, in the pauses of the plays' `pipeline`."""
        self._store, self._serving, self._pipeline = store, serving, pipeline
        self._group_size = GroupSize(settings.worker.sweep_users)
        self._expires_s = settings.lists.expires_s
        self._users: dict[int, int] = {}
        """Users that the last whole sweep of a partition came past."""

    async def run(self) -> None:
        """Sweep for ever."""
        checked = renewed = time.monotonic()
        while True:
            if self._store.settled and time.monotonic() - checked > TAIL_CHECK_S:
                await self._pipeline.check_tails()
                for partition in list(self._store.partitions):
                    await self.drop_forgotten(partition, time.time())
                checked = time.monotonic()
            for partition in list(self._store.partitions) if self._store.settled else []:
                await self.restore_outranked(partition)
                await self.sweep(partition)
            if self._store.settled and time.monotonic() - renewed > self._expires_s / LOOKS:
                renewed = time.monotonic()
                for partition in list(self._store.partitions):
                    await self.renew(partition, time.time_ns() // 1_000_000)
            self._serving.swapped.clear()
            try:
                await asyncio.wait_for(self._serving.swapped.wait(), PAUSE_S)
            except TimeoutError:
                continue

    async def restore_outranked(self, partition: int) -> None:
        """Write winners to the changelog again where a late worker's record stands behind them."""
        state = self._state(partition)
        while state is not None and state.has_outranked:
            keys = state.outranked(self._group_size.users)
            if not await self._refold(partition, keys):
                return
            log.warning("outranked_users_restored", extra={"partition": partition, "users": len(keys)})
            state = self._state(partition)

    async def drop_forgotten(self, partition: int, now_s: float) -> None:
        """Remove the markers of users who were forgotten so long ago that no late worker can write of them."""
        state = self._state(partition)
        if state is None or not state.has_forgotten:
            return
        old = list(islice(state.forgotten_before(now_s - MARKER_S), FORGOTTEN_MAX))
        if old and await self._pipeline.drop(partition, old):
            log.info("forgotten_users_dropped", extra={"partition": partition, "users": len(old)})

    async def sweep(self, partition: int) -> None:
        """Fold every user of a partition into the generation in service.

        It ends early, with nothing marked, when another generation is swapped in or the partition goes.
        """
        state, generation = self._state(partition), self._serving.current
        if state is None or generation is None or state.swept == generation.key:
            return
        await self._pipeline.group_ended()  # it may have begun under another generation
        if not self._goes_on(partition, state, generation.key):
            return
        state.begin_sweep(generation.key)
        progress = Progress(partition, generation.id, self._users.get(partition, state.n_keys_about))
        another = _folded_under_another(generation.key)
        for seen, keys in self._walk(state, another):
            if keys and not await self._refold(partition, keys):
                return
            progress.seen, progress.refolded = progress.seen + seen, progress.refolded + len(keys)
            progress.tell()
            await asyncio.sleep(0)
            if not self._goes_on(partition, state, generation.key):
                return
        if state.end_sweep(generation.key):
            self._users[partition] = progress.seen
            progress.end()

    async def renew(self, partition: int, now_ms: int) -> None:
        """Publish again the lists of a partition that would expire before the next look."""
        state, n_renewed = self._state(partition), 0
        if state is None or self._serving.current is None:
            return
        old = _listed_before(now_ms - int(1000 * RENEWED_AT * self._expires_s))
        for _, keys in self._walk(state, old):
            if keys and not await self._refold(partition, keys, publish_all=False):
                return
            n_renewed += len(keys)
            await asyncio.sleep(0)
            if self._state(partition) is not state:
                return
        if n_renewed:
            log.info("lists_renewed", extra={"partition": partition, "users": n_renewed})

    def _walk(self, state: PartitionState, wanted: Callable[[bytes], bool]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield, group after group, how many users were looked at and which of them are wanted by their records."""
        after: bytes | None = b""
        while after is not None:
            keys, after, seen = self._next_group(state, after, wanted)
            yield seen, keys

    def _next_group(
        self, state: PartitionState, after: bytes, wanted: Callable[[bytes], bool]
    ) -> tuple[list[bytes], bytes | None, int]:
        """Return the next users who are wanted, the last user looked at, and how many were.

        The last user is None at the end of the partition.
        """
        keys: list[bytes] = []
        seen, n = 0, self._group_size.users
        while len(keys) < n and seen < SCAN_MAX:
            found = state.users(after, n - len(keys))
            if not found:
                return keys, None, seen
            keys += [user for user, value in found if not is_forgotten(value) and wanted(value)]
            after, seen = found[-1][0], seen + len(found)
        return keys, after, seen

    async def _refold(self, partition: int, keys: Sequence[bytes], *, publish_all: bool = True) -> bool:
        """Fold a group, learn from what it took, and rest if plays flow; False if the partition is not ours any more.

        Plays that come meanwhile are the next group, all of them, so a sweep never takes two turns in a row.
        """
        took = await self._pipeline.refold(partition, keys, publish_all=publish_all)
        if took is None:
            return False
        plays_take_s = self._pipeline.flow.group_s
        self._group_size.took(len(keys), took.work_s, plays_take_s)
        if plays_take_s is not None:
            await asyncio.sleep(REST * took.whole_s)
        return True

    def _goes_on(self, partition: int, state: PartitionState, generation_key: int) -> bool:
        """Tell whether the partition is still ours and the generation still in service, at whatever revision."""
        current = self._serving.current
        return self._state(partition) is state and current is not None and current.key == generation_key

    def _state(self, partition: int) -> PartitionState | None:
        """Return a partition's state, None while the partition is not surely ours."""
        return self._store.partitions.get(partition) if self._store.settled else None


def _folded_under_another(generation_key: int) -> Callable[[bytes], bool]:
    return lambda value: generation_key_of(value) != generation_key


def _listed_before(at_ms: int) -> Callable[[bytes], bool]:
    return lambda value: listed_at_ms_of(value) <= at_ms
