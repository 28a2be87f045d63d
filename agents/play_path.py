"""The way of a play: slices in, one commit group at a time, state and lists out."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from agents.commit import Committer
from agents.fold import Changes, fold, refold
from agents.reading import read_group
from state.generation import Generation
from state.serving import Serving
from state.user_store import UserStore
from streams.settings import Settings
from streams.slices import Slice, acknowledge, take_group


class PlayPath:
    """Folds and commits groups of plays, and of users without plays, never two at a time."""

    def __init__(
        self,
        store: UserStore,
        serving: Serving,
        committer: Committer,
        thread: ThreadPoolExecutor,
        settings: Settings,
        fail: Callable[[Exception], None],
    ) -> None:
        """Commit into the partitions of `store`; `fail` is told of an error that the worker cannot go on after."""
        self._store, self._serving, self._committer = store, serving, committer
        self._thread, self._settings, self._fail = thread, settings, fail
        self._app: Any = None

    async def fold_plays(self, stream: Any) -> None:
        """Take commit groups for ever: the body of the Faust agent.

        Faust would acknowledge the plays and start the agent anew if an error left it, so none does.
        """
        self._app = stream.app
        try:
            while True:
                group = await take_group(stream.app, self._settings.group_plays_max)
                durable = await self._commit(partial(self._fold, group))
                acknowledge([part for part in group if part.partition in durable], stream.app.consumer)
        except Exception as error:  # noqa: BLE001  whatever it is, it stops the worker
            self._fail(error)
            await asyncio.Event().wait()

    async def refold(self, partition: int, keys: Sequence[bytes]) -> bool:
        """Fold users of a partition again and commit them; False if the partition is not ours any more."""
        return partition in await self._commit(partial(self._refold, partition, keys))

    async def check_tails(self) -> None:
        """See that nobody else wrote to the changelogs of our partitions since we did."""
        async with self._store.lock:
            await self._committer.check_tails(list(self._store.partitions))

    @property
    def busy(self) -> bool:
        """Tell whether plays are being folded or wait to be."""
        return self._store.lock.locked() or (self._app is not None and not self._app.consumer.slices.empty())

    async def _commit(self, work: Callable[[Generation | None, int], dict[int, Changes]]) -> set[int]:
        """Do a group's work beside the event loop (the kernels leave the interpreter's lock), and make it durable."""
        async with self._store.lock:
            generation, now_ms = self._serving.current, time.time_ns() // 1_000_000
            changes = await asyncio.get_running_loop().run_in_executor(self._thread, work, generation, now_ms)
            return await self._committer.commit(changes)

    def _fold(self, slices: Sequence[Slice], generation: Generation | None, now_ms: int) -> dict[int, Changes]:
        states = self._store.partitions
        mine = [part for part in slices if part.partition in states]
        if not mine:
            return {}
        return fold(read_group(mine, self._settings.play_bytes_max), states, generation, self._settings, now_ms)

    def _refold(
        self, partition: int, keys: Sequence[bytes], generation: Generation | None, now_ms: int
    ) -> dict[int, Changes]:
        states = self._store.partitions
        return refold({partition: keys}, states, generation, self._settings, now_ms) if partition in states else {}
