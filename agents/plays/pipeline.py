"""The way of a play: slices in, one commit group at a time, state and lists out."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np

from agents.group_context import GroupContext
from agents.observers.latency_histogram import LatencyHistogram
from agents.plays.changes import Changes
from agents.plays.commit import Committer
from agents.plays.group_work import GroupWork
from agents.plays.play_flow import PlayFlow
from agents.plays.refold_ahead import GroupTiming, RefoldAhead
from agents.plays.topic_guard import Write
from state.generations.serving import Serving
from state.users.partition import PartitionState
from state.users.store import UserStore
from streams.consumer.groups import acknowledge, take_group
from streams.consumer.slices import Slice
from streams.fetch.unreadable_batch import is_unreadable
from streams.outbox import Item
from streams.settings import Settings

EXPIRE_EVERY_S = 1.0


class Committed(NamedTuple):
    """A group that was committed."""

    durable: set[int]
    """Its partitions that are durable."""
    work_s: float


class Guard(Protocol):
    """Checks the topics that the state was made from (`agents/plays/topic_guard.py`)."""

    async def admit(self, group: Sequence[Slice], write: Write) -> None:
        """Check a group that was fetched; raise if a topic is another one."""

    async def watch(self, turn: asyncio.Lock, write: Write) -> None:
        """Check the topics for ever; raise if one is another one."""


class CommitPipeline:
    """Folds and commits groups of plays, and of users without plays, one group at a time.

    Groups are serialized by the store's lock, first come, first served. All plays that wait when their turn begins are
    one group, so a play waits for at most one group of the sweep, which keeps its groups small while plays flow
    (`agents/background/group_size.py`). The sweep asks for a turn only after its last group, so plays cannot keep it
    waiting forever either.

    Attributes:
        latencies: The time from a play's arrival in Kafka until it was durable.
        flow: The rate of groups of plays.
        ahead: Folds groups of users before their turn.
    """

    def __init__(
        self,
        store: UserStore,
        serving: Serving,
        committer: Committer,
        work: GroupWork,
        thread: ThreadPoolExecutor,
        settings: Settings,
        fail: Callable[[Exception], None],
        guard: Guard,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Commit into the partitions of `store`; `fail` is called with an error that must stop the worker.

        `guard` checks the topics of every group of plays. Groups are timed by `clock`, whose seconds never go back.
        """
        self._store, self._serving, self._committer = store, serving, committer
        self._work, self._thread, self._settings, self._fail = work, thread, settings, fail
        self._guard = guard
        self.ahead = RefoldAhead(store, serving, committer, work, thread, clock)
        self._clock, self.latencies, self.flow = clock, LatencyHistogram(), PlayFlow(clock)

    async def fold_plays(self, stream: Any) -> None:
        """Commit groups of plays forever: the body of the Faust agent.

        Faust would acknowledge the plays and restart the agent if an error left it, so no error does.
        """
        try:
            while True:
                async with take_group(stream.app, self._settings.worker.group_plays_max, self._store.lock) as group:
                    acknowledge(await self._commit_plays(group), stream.app.consumer)
        except Exception as error:  # noqa: BLE001  any error stops the worker
            self._fail(error)
            await asyncio.Event().wait()

    async def refold(self, partition: int, keys: Sequence[bytes], *, publish_all: bool = True) -> GroupTiming | None:
        """Fold users of a partition again and commit them; without `publish_all` only due lists are published.

        Returns:
            The timing; None if the partition is not ours any more.
        """
        async with self._store.lock:
            began, users = self._clock(), {partition: keys}
            durable, work_s = await self._commit(
                users, lambda context: self._work.refold(users, context, publish_all=publish_all), lists_first=True
            )
            return GroupTiming(work_s, self._clock() - began) if partition in durable else None

    async def drop(self, partition: int, keys: Sequence[bytes]) -> bool:
        """Remove the markers of forgotten users; False if the partition is not ours any more.

        A user with newer events, learned while this waited for its turn, is not dropped.
        """
        async with self._store.lock:
            users = {partition: keys}
            durable, _ = await self._commit(users, lambda context: self._work.drop_markers(users, context))
            return partition in durable

    async def write(self, partition: int, state: PartitionState, items: list[Item]) -> bool:
        """Make changelog records of a partition durable that change no user; False if the state is not ours any more.

        Groups that are committed later begin after this.
        """
        async with self._store.lock:
            if self._store.partitions.get(partition) is not state:
                return False
            await self._committer.write_through(partition, items)
            return True

    async def group_ended(self) -> None:
        """Wait until the present group is durable; later groups are folded under the generation in service."""
        async with self._store.lock:
            pass

    async def expire_private(self) -> None:
        """Expire private sessions on a timer, so they end even if their listener stops playing."""
        while True:
            await asyncio.sleep(EXPIRE_EVERY_S)
            async with self._store.lock:
                self._work.private_lists.sessions.expire()

    async def check_tails(self) -> None:
        """Read back the records that other workers wrote to the changelogs of our partitions."""
        async with self._store.lock:
            await self._committer.check_tails(list(self._store.partitions))

    async def _commit_plays(self, group: Sequence[Slice]) -> list[Slice]:
        """Fold and commit slices; return those that are durable."""
        began, partitions = self._clock(), {part.partition for part in group}
        await self._guard.admit(group, self._committer.write_through)
        committed = await self._commit(partitions, lambda context: self._work.fold(group, context))
        self.flow.add(self._clock() - began)
        self._work.outcome_log.confirm(committed.durable)
        durable = [part for part in group if part.partition in committed.durable]
        readable = (part.records for part in durable if not is_unreadable(part.records))
        arrived_ms = [record.timestamp for records in readable for record in records]
        self.latencies.add(time.time_ns() // 1_000_000 - np.array(arrived_ms, np.int64))
        return durable

    async def watch_topics(self) -> None:
        """Check the topics for ever; raise once one of them is not that of the state."""
        await self._guard.watch(self._store.lock, self._committer.write_through)

    async def _commit(
        self,
        partitions: Iterable[int],
        work: Callable[[GroupContext], dict[int, Changes]],
        *,
        lists_first: bool = False,
    ) -> Committed:
        """Do a group's work beside the event loop (the kernels release the interpreter's lock), and make it durable."""
        context = GroupContext(dict(self._store.partitions), self._serving.current, time.time_ns() // 1_000_000)
        generation_key = context.generation.key if context.generation else 0
        for partition in partitions:
            if partition in context.states:
                context.states[partition].folds_under(generation_key)
        began = self._clock()
        changes = await asyncio.get_running_loop().run_in_executor(self._thread, work, context)
        work_s = self._clock() - began
        return Committed(await self._committer.commit(changes, lists_first=lists_first), work_s)
