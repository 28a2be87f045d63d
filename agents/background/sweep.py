"""Background work on users without new plays: after a swap, and after a late worker's stale records."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from itertools import islice

from agents.background.refold_groups import Refold, RefoldGroups, UserGroup
from agents.background.republish import Republisher, Topics
from agents.background.sweep_order import SweepOrder
from agents.background.sweep_progress import SweepProgress
from agents.plays.pipeline import CommitPipeline
from state.generations.serving import Serving
from state.lists.publish_policy import RENEWED_AT
from state.users.partition import PartitionState
from state.users.record_bytes import generation_key_of, listed_at_ms_of
from state.users.store import UserStore
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

PAUSE_S = 0.5
"""Seconds between two searches for work."""
TAIL_CHECK_S = 60.0
"""Seconds between two searches for late workers' records in partitions without plays."""
MARKER_S = 24 * 3600.0
"""Seconds that the marker of a forgotten user stays: a frozen worker may write the user's record as late as that."""
FORGOTTEN_MAX = 1000
"""Markers removed at once."""
DAY_S = 24 * 3600.0
RENEWALS = 20
"""Searches for lists that grow old, within the time in which a list expires."""


class Sweeper:
    """Folds users again in small groups of the commit pipeline.

    It folds every user of another generation after a swap, every outranked user, and every user whose list grows old.
    The state holds all that it needs: a partition the generation it was swept under, a user record the generation it
    was folded under, and a mark for every outranked user. So a killed sweep continues where it was.

    Every list names a generation, so a swap publishes every list, even with the same items. Another revision of the
    same generation causes no sweep. An unchanged list is renewed before it expires.
    """

    def __init__(
        self, store: UserStore, serving: Serving, pipeline: CommitPipeline, settings: Settings, topics: Topics
    ) -> None:
        """Sweep the partitions of `store` in small groups of `pipeline`, between groups of plays.

        `topics` has the id of the topic of lists: once it changes, all lists are published again.
        """
        self._store, self._serving, self._pipeline = store, serving, pipeline
        self._groups = RefoldGroups(store, pipeline, settings)
        self.republisher = Republisher(self._groups, serving, pipeline, topics, topic_names(settings).recommendations)
        self._expires_s, self._active_s = settings.lists.expires_s, DAY_S * settings.worker.sweep_days

    async def run(self) -> None:
        """Sweep forever."""
        checked = renewed = time.monotonic()
        while True:
            if self._store.settled and time.monotonic() - checked > TAIL_CHECK_S:
                await self._pipeline.check_tails()
                for partition in list(self._store.partitions):
                    await self.drop_forgotten(partition, time.time())
                checked = time.monotonic()
            for partition in self._owned():
                await self.republisher.publish(partition)
            for partition in self._owned():
                await self.restore_outranked(partition)
            await self.sweep()
            if self._store.settled and time.monotonic() - renewed > self._expires_s / RENEWALS:
                renewed = time.monotonic()
                for partition in list(self._store.partitions):
                    await self.renew(partition, time.time_ns() // 1_000_000)
            self._serving.swapped.clear()
            try:
                await asyncio.wait_for(self._serving.swapped.wait(), PAUSE_S)
            except TimeoutError:
                continue

    def _owned(self) -> list[int]:
        """Return the partitions to work on, none while a rebalance is under way."""
        return list(self._store.partitions) if self._store.settled else []

    async def restore_outranked(self, partition: int) -> None:
        """Write a user's latest record to the changelog again if a late worker's record stands behind it."""
        state = self._groups.state(partition)
        while state is not None and state.has_outranked:
            keys = state.outranked(self._groups.n_users)
            if not await self._groups.refold(partition, keys):
                return
            log.warning("outranked_users_restored", extra={"partition": partition, "users": len(keys)})
            state = self._groups.state(partition)

    async def drop_forgotten(self, partition: int, now_s: float) -> None:
        """Remove the markers of users forgotten so long ago that no late worker can write their record."""
        state = self._groups.state(partition)
        if state is None or not state.has_forgotten:
            return
        old = list(islice(state.forgotten_before(now_s - MARKER_S), FORGOTTEN_MAX))
        if old and await self._pipeline.drop(partition, old):
            log.info("forgotten_users_dropped", extra={"partition": partition, "users": len(old)})

    async def sweep(self) -> None:
        """Fold the users of all partitions into the generation in service, the latest players first.

        The sweep ends early, and marks nothing, when the generation is swapped, when partitions come or go, when a late
        worker's records come first, or when the topic of lists was made again: listeners without a list come first.
        """
        generation = self._serving.current
        states = {} if generation is None else self._unswept(generation.key)
        if generation is None or not states:
            return
        await self._pipeline.group_ended()  # it may have begun under another generation
        goes_on = partial(self._goes_on, states, generation.key)
        if not goes_on():
            return
        for state in states.values():
            state.begin_sweep(generation.key)
        progress = SweepProgress(generation.id, states)
        work = Refold(_folded_under_another(generation.key), goes_on, progress.done)
        is_whole = False
        while not is_whole:
            order = await self._scan(states, generation.key, goes_on)
            if order is None or not await self._groups.refold_all(self._in_turn(order, progress), work):
                return
            is_whole = order.is_whole
        for partition, state in states.items():
            if state.end_sweep(generation.key):
                progress.log_end(partition)

    def _unswept(self, generation_key: int) -> dict[int, PartitionState]:
        """Return the partitions that are not swept under a generation."""
        states = {partition: self._groups.state(partition) for partition in self._owned()}
        return {number: state for number, state in states.items() if state and state.swept != generation_key}

    async def _scan(
        self, states: Mapping[int, PartitionState], generation_key: int, goes_on: Callable[[], bool]
    ) -> SweepOrder | None:
        """Return the users to fold, in their order; None if the sweep has to end."""
        order = SweepOrder(generation_key, time.time() - self._active_s)
        for partition, state in states.items():
            for _ in order.scan(partition, state):
                await asyncio.sleep(0)
                if not goes_on():
                    return None
        return order

    async def _in_turn(self, order: SweepOrder, progress: SweepProgress) -> AsyncIterator[UserGroup]:
        """Yield the groups of a sweep."""
        progress.found(order)
        for group in order.groups(lambda: self._groups.n_users):
            yield group

    async def renew(self, partition: int, now_ms: int) -> None:
        """Publish the lists of a partition that would expire before the next search."""
        state, n_renewed = self._groups.state(partition), 0
        if state is None or self._serving.current is None:
            return

        def done(_group: UserGroup, n_folded: int) -> None:
            nonlocal n_renewed
            n_renewed += n_folded

        old = _listed_before(now_ms - int(1000 * RENEWED_AT * self._expires_s))
        work = Refold(old, lambda: self._groups.state(partition) is state, done, publish_all=False)
        if await self._groups.refold_all(self._groups.walk(partition, state, old), work) and n_renewed:
            log.info("lists_renewed", extra={"partition": partition, "users": n_renewed})

    def _goes_on(self, states: Mapping[int, PartitionState], generation_key: int) -> bool:
        """Tell whether the partitions are still ours and the generation still in service, at any revision."""
        current = self._serving.current
        if current is None or current.key != generation_key or self._unswept(generation_key) != states:
            return False
        return not any(state.has_outranked or self.republisher.is_needed(state) for state in states.values())


def _folded_under_another(generation_key: int) -> Callable[[bytes], bool]:
    return lambda value: generation_key_of(value) != generation_key


def _listed_before(at_ms: int) -> Callable[[bytes], bool]:
    return lambda value: listed_at_ms_of(value) <= at_ms
