"""Changed lists that wait, so that a burst of plays publishes one list and not one list per play."""

import asyncio
import time
from itertools import islice

from agents.plays.pipeline import CommitPipeline
from state.users.store import UserStore
from streams.settings import Settings

SEARCHES = 4
"""Searches for due lists within the time that a list waits."""
PAUSE_S = 0.01
"""Least seconds between two searches."""


class Debouncer:
    """Publishes lists whose wait is over.

    A record says that its list waits, and the partition's state has a mark for each, so a worker that starts after a
    crash continues where the last one was.
    """

    def __init__(self, store: UserStore, pipeline: CommitPipeline, settings: Settings) -> None:
        """Search the partitions of `store`, and commit by `pipeline`."""
        self._store, self._pipeline = store, pipeline
        self._debounce_ms, self._group_users = settings.lists.debounce_ms, settings.worker.sweep_users

    async def run(self) -> None:
        """Publish due lists forever. Lists that wait since before the setting was 0 are published at once."""
        while True:
            await self.publish_due(time.time_ns() // 1_000_000)
            await asyncio.sleep(max(PAUSE_S, self._debounce_ms / 1000 / SEARCHES))

    async def publish_due(self, now_ms: int) -> None:
        """Publish the lists whose wait is over at `now_ms`, group by group."""
        for number in list(self._store.partitions) if self._store.settled else []:
            state = self._store.partitions.get(number)
            while state is not None and state.has_owed:
                due = list(islice(state.owed_since(now_ms - self._debounce_ms), self._group_users))
                if not due or await self._pipeline.refold(number, due, publish_all=False) is None:
                    break
