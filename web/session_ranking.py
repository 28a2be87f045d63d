"""Session-based recommendations by the generation in service, computed in a thread, one request at a time."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from model.warm_up import warm_up
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.lists.build import ListBuilder
from state.lists.context import ListContext
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.lists.session_list import rank_candidates, session_list
from streams.settings import Settings, override
from web.schemas import ItemsAnswer, ItemsRequest

WAITING_MAX = 200
"""Requests that may wait for the thread."""


class NoGenerationError(LookupError):
    """No generation is in service, so nothing can be ranked. Run `playfold retrain`."""


class RankingBusyError(TimeoutError):
    """Too many requests are queued for ranking: the limit is reached. Try again later."""


class SessionRanking:
    """Ranks items for requests that name no listener; nothing of them is kept."""

    def __init__(self, settings: Settings, serving: Serving, ranker: Ranker, thread: ThreadPoolExecutor) -> None:
        """Rank under the generation that `serving` has; only `thread` uses `ranker`."""
        self._settings, self._serving, self._ranker, self._thread = settings, serving, ranker, thread
        self._n_waiting = 0

    async def warm_up(self) -> None:
        """Load the kernels."""
        await asyncio.get_running_loop().run_in_executor(self._thread, warm_up)

    async def answer(self, wanted: ItemsRequest) -> ItemsAnswer:
        """Return recommendations for some items.

        Raises:
            NoGenerationError: No generation is in service.
            RankingBusyError: `WAITING_MAX` requests wait already.
        """
        self._in_service()
        if self._n_waiting >= WAITING_MAX:
            message = f"{WAITING_MAX:,} requests are queued for ranking: the limit is reached."
            raise RankingBusyError(message)
        self._n_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._ranked, wanted)
        finally:
            self._n_waiting -= 1

    def stop(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _in_service(self) -> Generation:
        """Return the generation in service.

        Raises:
            NoGenerationError: No generation is in service.
        """
        generation = self._serving.current
        if generation is None:
            message = "No generation is in service yet, so nothing can be ranked: `playfold retrain` makes one."
            raise NoGenerationError(message)
        return generation

    def _ranked(self, wanted: ItemsRequest) -> ItemsAnswer:
        """Rank under the generation in service now: a swap may have run in this thread since the request came."""
        generation = self._in_service()
        n, now_ms = wanted.n or self._settings.lists.n, time.time_ns() // 1_000_000
        if wanted.candidates is not None:
            weight_max = self._settings.signals.item_weight_max
            ranked = rank_candidates(generation, wanted.items, wanted.candidates, weight_max)
        else:
            settings = override(self._settings, list_n=n)
            builder = ListBuilder(settings, self._ranker, TrainedPopularity())
            ranked = session_list(builder, ListContext(generation, now_ms), wanted.items)
        return ItemsAnswer(
            kind=ranked.kind,
            generation=generation.id,
            items=ranked.items[:n],
            scores=ranked.scores[:n],
            unknown=ranked.unknown,
        )
