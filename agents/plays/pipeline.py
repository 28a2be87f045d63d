"""The way of a play: slices in, one commit group at a time, state and lists out."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from agents.observers.latency_histogram import Delays
from agents.observers.live_quality import LiveQuality
from agents.observers.outcome_counts import Tally
from agents.plays.commit import Committer
from agents.plays.decode import read_group
from agents.plays.fold import Changes, drop, fold, refold
from agents.plays.private_sessions import PrivateSessions, add_private_lists
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.lists.popularity import LivePopular
from state.lists.ranker import Ranker
from state.users.record import is_forgotten
from state.users.store import UserStore
from streams.consumer.slices import Slice, acknowledge, take_group
from streams.settings import Settings

FLOW_S = 1.0
"""Plays flow if there was one within so many seconds."""
SMOOTHING = 0.2
EXPIRE_EVERY_S = 1.0


class Took(NamedTuple):
    """Seconds that a group took."""

    work_s: float
    """To fold and rank its users."""
    whole_s: float
    """From having its turn to being durable; what is beyond the work hardly depends on how many users there are."""


class PlayPath:
    """Folds and commits groups of plays, and of users without plays, never two at a time.

    Who has the turn holds the store's lock, and turns are given in the order in which they were asked for. Plays take
    theirs as a whole: a group is all that waits when its turn begins, so a play waits for at most one group of the
    sweep, which keeps its groups small while plays flow (`agents/background/group_size.py`), and the sweep, asking
    only when its last group is done, cannot be kept waiting for ever by plays either.
    """

    def __init__(
        self,
        store: UserStore,
        serving: Serving,
        committer: Committer,
        thread: ThreadPoolExecutor,
        settings: Settings,
        fail: Callable[[Exception], None],
        catalog: ItemCatalog | None = None,
    ) -> None:
        """Commit into the partitions of `store`; `fail` is told of an error that the worker cannot go on after.

        Lists hold what `catalog` says is available when they are made; everything if it is left out.
        """
        self._store, self._serving, self._committer = store, serving, committer
        self._thread, self._settings, self._fail = thread, settings, fail
        self.ranker, self.tally, self.popular = Ranker(settings, catalog), Tally(), LivePopular(settings)
        self.delays = Delays()
        self.quality = LiveQuality() if settings.live_quality else None
        self.private = PrivateSessions(settings)
        self._work_s = 0.0
        self._played_at, self._plays_take_s = float("-inf"), 0.0

    async def fold_plays(self, stream: Any) -> None:
        """Take commit groups for ever: the body of the Faust agent.

        Faust would acknowledge the plays and start the agent anew if an error left it, so none does.
        """
        try:
            while True:
                async with take_group(stream.app, self._settings.group_plays_max, self._store.lock) as group:
                    began = time.monotonic()
                    durable = await self._commit({part.partition for part in group}, partial(self._fold, group))
                    self._note_plays(began)
                    self._note_delays([part for part in group if part.partition in durable])
                    acknowledge([part for part in group if part.partition in durable], stream.app.consumer)
        except Exception as error:  # noqa: BLE001  whatever it is, it stops the worker
            self._fail(error)
            await asyncio.Event().wait()

    async def refold(self, partition: int, keys: Sequence[bytes], *, again: bool = True) -> Took | None:
        """Fold users of a partition again and commit them; unless `again`, only lists that are due are published.

        Returns:
            What it took; None if the partition is not ours any more.
        """
        async with self._store.lock:
            began = time.monotonic()
            durable = await self._commit({partition}, partial(self._refold, partition, keys, again))
            return Took(self._work_s, time.monotonic() - began) if partition in durable else None

    async def drop(self, partition: int, users: Sequence[bytes]) -> bool:
        """Remove the markers of forgotten users; False if the partition is not ours any more.

        A user who came back while this waited for its turn is not dropped.
        """
        async with self._store.lock:
            return partition in await self._commit({partition}, partial(self._drop, partition, users))

    async def group_ended(self) -> None:
        """Wait until the group in hand is durable; those that follow are folded under the generation in service."""
        async with self._store.lock:
            pass

    async def expire_private(self) -> None:
        """Let go of private sessions in time, for ever: also of those that nobody's play comes after."""
        while True:
            await asyncio.sleep(EXPIRE_EVERY_S)
            async with self._store.lock:
                self.private.expire()

    async def check_tails(self) -> None:
        """See that nobody else wrote to the changelogs of our partitions since we did."""
        async with self._store.lock:
            await self._committer.check_tails(list(self._store.partitions))

    @property
    def plays_take_s(self) -> float | None:
        """Return the seconds that a group of plays takes at the moment, None if there were none just now."""
        return self._plays_take_s if time.monotonic() - self._played_at < FLOW_S else None

    def _note_plays(self, began: float) -> None:
        """Take note of a group of plays that is durable; several groups count, the latest ones most."""
        took_s, self._played_at = time.monotonic() - began, time.monotonic()
        self._plays_take_s += SMOOTHING * (took_s - self._plays_take_s)

    def _note_delays(self, slices: Sequence[Slice]) -> None:
        """Take note of how long plays took from their arrival, by the broker's clock, until they were durable."""
        arrived = [record.timestamp for part in slices for record in part.records]
        self.delays.add(time.time_ns() // 1_000_000 - np.array(arrived, np.int64))

    async def _commit(
        self, partitions: Iterable[int], work: Callable[[Generation | None, int], dict[int, Changes]]
    ) -> set[int]:
        """Do a group's work beside the event loop (the kernels leave the interpreter's lock), and make it durable."""
        generation, now_ms = self._serving.current, time.time_ns() // 1_000_000
        for partition in partitions:
            if partition in self._store.partitions:
                self._store.partitions[partition].folds_under(generation.key if generation else 0)
        began = time.monotonic()
        changes = await asyncio.get_running_loop().run_in_executor(self._thread, work, generation, now_ms)
        self._work_s = time.monotonic() - began
        return await self._committer.commit(changes)

    def _fold(self, slices: Sequence[Slice], generation: Generation | None, now_ms: int) -> dict[int, Changes]:
        states = self._store.partitions
        mine = [part for part in slices if part.partition in states]
        if not mine:
            return {}
        group = read_group(mine, self._settings)
        watched = self.ranker, self.tally, self.popular, self.quality
        changes = fold(group, states, generation, self._settings, now_ms, *watched)
        by = self.ranker, self.popular
        return add_private_lists(changes, group, self.private, states, generation, self._settings, now_ms, *by)

    def _drop(
        self, partition: int, users: Sequence[bytes], _generation: Generation | None, _now_ms: int
    ) -> dict[int, Changes]:
        state = self._store.partitions.get(partition)
        if state is None:
            return {}
        found = zip(users, state.read(users), strict=True)
        return drop({partition: [user for user, value in found if value is not None and is_forgotten(value)]})

    def _refold(
        self,
        partition: int,
        keys: Sequence[bytes],
        again: bool,  # noqa: FBT001  bound by `partial`
        generation: Generation | None,
        now_ms: int,
    ) -> dict[int, Changes]:
        states = self._store.partitions
        if partition not in states:
            return {}
        own = self._settings, now_ms, self.ranker, self.popular
        return refold({partition: keys}, states, generation, *own, again=again)
