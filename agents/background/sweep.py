"""Background work on users without new plays: after a swap, and after a late worker's stale records."""

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
"""Seconds between two searches for work."""
TAIL_CHECK_S = 60.0
"""Seconds between two searches for late workers' records in partitions without plays."""
REST = 0.5
"""While plays flow, a sweep rests after a group for this share of the time that the group took."""
SCAN_MAX = 1000
"""Users scanned at once, about two milliseconds."""
MARKER_S = 24 * 3600.0
"""Seconds that the marker of a forgotten user stays: a frozen worker may write the user's record as late as that."""
FORGOTTEN_MAX = 1000
"""Markers removed at once."""
RENEWALS = 20
"""Searches for lists that grow old, within the time in which a list expires."""
PROGRESS_S = 3.0
"""Seconds between two log events of a sweep's progress."""


class SweepProgress:
    """The progress of one partition's sweep, logged at intervals.

    Attributes:
        seen: Users scanned so far.
        refolded: Users folded again so far.
    """

    def __init__(self, partition: int, generation_id: str, n_users_about: int) -> None:
        """Begin the sweep of a partition with about so many users."""
        self.seen = self.refolded = 0
        self._partition, self._generation_id, self._n_users_about = partition, generation_id, n_users_about
        self._began = self._logged_at = time.monotonic()

    def log(self) -> None:
        """Log the progress, unless it was logged just now."""
        if time.monotonic() - self._logged_at >= PROGRESS_S:
            self._logged_at = time.monotonic()
            log.info("sweep_progress", extra={**self._fields(), "seen": self.seen, "of_about": self._n_users_about})

    def log_end(self) -> None:
        """Log that every user is folded."""
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
    """Folds users again in small groups of the commit pipeline.

    It folds every user of another generation after a swap, every outranked user, and every user whose list grows old.
    The state holds all that it needs: a partition the generation it was swept under, a user record the generation it
    was folded under, and a mark for every outranked user. So a killed sweep continues where it was.

    Every list names a generation, so a swap publishes every list, even with the same items. Another revision of the
    same generation causes no sweep. An unchanged list is renewed before it expires.
    """

    def __init__(self, store: UserStore, serving: Serving, pipeline: CommitPipeline, settings: Settings) -> None:
        """Sweep the partitions of `store` in small groups of `pipeline`, between groups of plays."""
        self._store, self._serving, self._pipeline = store, serving, pipeline
        self._group_size = GroupSize(settings.worker.sweep_users)
        self._expires_s = settings.lists.expires_s
        self._users: dict[int, int] = {}
        """Per partition, the users that its last whole sweep scanned."""

    async def run(self) -> None:
        """Sweep forever."""
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
            if self._store.settled and time.monotonic() - renewed > self._expires_s / RENEWALS:
                renewed = time.monotonic()
                for partition in list(self._store.partitions):
                    await self.renew(partition, time.time_ns() // 1_000_000)
            self._serving.swapped.clear()
            try:
                await asyncio.wait_for(self._serving.swapped.wait(), PAUSE_S)
            except TimeoutError:
                continue

    async def restore_outranked(self, partition: int) -> None:
        """Write a user's latest record to the changelog again if a late worker's record stands behind it."""
        state = self._state(partition)
        while state is not None and state.has_outranked:
            keys = state.outranked(self._group_size.users)
            if not await self._refold(partition, keys):
                return
            log.warning("outranked_users_restored", extra={"partition": partition, "users": len(keys)})
            state = self._state(partition)

    async def drop_forgotten(self, partition: int, now_s: float) -> None:
        """Remove the markers of users forgotten so long ago that no late worker can write their record."""
        state = self._state(partition)
        if state is None or not state.has_forgotten:
            return
        old = list(islice(state.forgotten_before(now_s - MARKER_S), FORGOTTEN_MAX))
        if old and await self._pipeline.drop(partition, old):
            log.info("forgotten_users_dropped", extra={"partition": partition, "users": len(old)})

    async def sweep(self, partition: int) -> None:
        """Fold every user of a partition into the generation in service.

        The sweep ends early, and marks nothing, when the generation is swapped or another worker gets the partition.
        """
        state, generation = self._state(partition), self._serving.current
        if state is None or generation is None or state.swept == generation.key:
            return
        await self._pipeline.group_ended()  # it may have begun under another generation
        if not self._goes_on(partition, state, generation.key):
            return
        state.begin_sweep(generation.key)
        progress = SweepProgress(partition, generation.id, self._users.get(partition, state.n_keys_about))
        another = _folded_under_another(generation.key)
        for seen, keys in self._walk(state, another):
            if keys and not await self._refold(partition, keys):
                return
            progress.seen, progress.refolded = progress.seen + seen, progress.refolded + len(keys)
            progress.log()
            await asyncio.sleep(0)
            if not self._goes_on(partition, state, generation.key):
                return
        if state.end_sweep(generation.key):
            self._users[partition] = progress.seen
            progress.log_end()

    async def renew(self, partition: int, now_ms: int) -> None:
        """Publish the lists of a partition that would expire before the next search."""
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
        """Yield, group by group, the number of scanned users and the keys of those whose records are wanted."""
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
        seen, n = 0, self._group_size.users
        while len(keys) < n and seen < SCAN_MAX:
            scanned = state.users(after, n - len(keys))
            if not scanned:
                return keys, None, seen
            keys += [user for user, value in scanned if not is_forgotten(value) and wanted(value)]
            after, seen = scanned[-1][0], seen + len(scanned)
        return keys, after, seen

    async def _refold(self, partition: int, keys: Sequence[bytes], *, publish_all: bool = True) -> bool:
        """Fold a group, adapt the group size, and rest if plays flow; False if the partition is not ours any more.

        All plays that arrive meanwhile are the next group, so a sweep never takes two turns in a row.
        """
        timing = await self._pipeline.refold(partition, keys, publish_all=publish_all)
        if timing is None:
            return False
        plays_take_s = self._pipeline.flow.group_s
        self._group_size.adapt(len(keys), timing.work_s, plays_take_s)
        if plays_take_s is not None:
            await asyncio.sleep(REST * timing.whole_s)
        return True

    def _goes_on(self, partition: int, state: PartitionState, generation_key: int) -> bool:
        """Tell whether the partition is still ours and the generation still in service, at any revision."""
        current = self._serving.current
        return self._state(partition) is state and current is not None and current.key == generation_key

    def _state(self, partition: int) -> PartitionState | None:
        """Return a partition's state, None if it is not ours or a rebalance is under way."""
        return self._store.partitions.get(partition) if self._store.settled else None


def _folded_under_another(generation_key: int) -> Callable[[bytes], bool]:
    return lambda value: generation_key_of(value) != generation_key


def _listed_before(at_ms: int) -> Callable[[bytes], bool]:
    return lambda value: listed_at_ms_of(value) <= at_ms
