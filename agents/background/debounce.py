"""Lists that changed and wait, so that a burst of plays publishes one list and not one a play."""

import asyncio
import time
from itertools import islice

from agents.plays.pipeline import CommitPipeline
from state.users.store import UserStore
from streams.settings import Settings

LOOKS = 4
"""Looks for lists that are due within the time that a list waits."""
PAUSE_S = 0.01
"""Between two looks, at least."""


class Debouncer:
    """Publishes the lists that have waited for long enough.

    It needs no memory of its own: a record tells that its list waits, and the partition's state has a mark for each, so
    whoever starts after a crash goes on where it was.
    """

    def __init__(self, store: UserStore, pipeline: CommitPipeline, settings: Settings) -> None:
        """Look into the partitions of `store`, and commit by the plays' `pipeline`."""
        self._store, self._pipeline = store, pipeline
        self._debounce_ms, self._group_users = settings.lists.debounce_ms, settings.worker.sweep_users

    async def run(self) -> None:
        """Publish for ever what is due. Lists that wait from before the setting was 0 go out at once."""
        while True:
            await self.publish_due(time.time_ns() // 1_000_000)
            await asyncio.sleep(max(PAUSE_S, self._debounce_ms / 1000 / LOOKS))

    async def publish_due(self, now_ms: int) -> None:
        """Publish what has waited since before `now_ms` less the time that a list waits, a group at a time."""
        for number in list(self._store.partitions) if self._store.settled else []:
            state = self._store.partitions.get(number)
            while state is not None and state.has_owed:
                due = list(islice(state.owed_since(now_ms - self._debounce_ms), self._group_users))
                if not due or await self._pipeline.refold(number, due, publish_all=False) is None:
                    break
