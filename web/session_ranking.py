"""Session-based recommendations by the generation in service, computed in a thread for several requests at a time."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from model.warm_up import warm_up
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.lists.build import ListBuilder
from state.lists.context import ListContext
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.lists.session_list import SessionList, rank_candidates, session_lists
from streams.settings import Settings, override
from web.rank_queue import RankQueue
from web.schemas import ItemsAnswer, ItemsRequest

SIZES = (50, 200, 1000)
"""Lengths in which lists are made, and then cut: requests of one length share a pass, and a short list is not made at
the price of a long one."""


class NoGenerationError(LookupError):
    """No generation is in service, so nothing can be ranked. Run `playfold retrain`."""


class SessionRanking:
    """Ranks items for requests that name no listener; nothing of them is kept."""

    def __init__(self, settings: Settings, serving: Serving, ranker: Ranker, thread: ThreadPoolExecutor) -> None:
        """Rank under the generation that `serving` has; only `thread` uses `ranker`."""
        self._settings, self._serving, self._thread = settings, serving, thread
        self._builders = {
            size: ListBuilder(override(settings, list_n=size), ranker, TrainedPopularity()) for size in SIZES
        }
        self._queue = RankQueue[ItemsRequest, ItemsAnswer](self._ranked, thread, settings.gateway.rank_requests_max)

    async def warm_up(self) -> None:
        """Load the kernels."""
        await asyncio.get_running_loop().run_in_executor(self._thread, warm_up)

    async def answer(self, wanted: ItemsRequest) -> ItemsAnswer:
        """Return recommendations for some items.

        Raises:
            NoGenerationError: No generation is in service.
            RankingBusyError: Too many requests are queued, or this one was queued for too long.
        """
        self._in_service()
        return await self._queue.put(wanted)

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

    def _ranked(self, requests: Sequence[ItemsRequest]) -> list[ItemsAnswer]:
        """Rank under the generation in service now: a swap may have run in this thread since the requests came."""
        context = ListContext(self._in_service(), time.time_ns() // 1_000_000)
        made: dict[int, SessionList] = {}
        by_size: dict[int, list[int]] = {}
        for number, wanted in enumerate(requests):
            if wanted.candidates is None:
                by_size.setdefault(next(size for size in SIZES if size >= self._length(wanted)), []).append(number)
            else:
                weight_max = self._settings.signals.item_weight_max
                made[number] = rank_candidates(context.generation, wanted.items, wanted.candidates, weight_max)
        for size, numbers in by_size.items():
            lists = session_lists(self._builders[size], context, [requests[number].items for number in numbers])
            made.update(zip(numbers, lists, strict=True))
        return [self._cut(made[number], wanted, context) for number, wanted in enumerate(requests)]

    def _length(self, wanted: ItemsRequest) -> int:
        return wanted.n or self._settings.lists.n

    def _cut(self, ranked: SessionList, wanted: ItemsRequest, context: ListContext) -> ItemsAnswer:
        n = self._length(wanted)
        return ItemsAnswer(
            kind=ranked.kind,
            generation=context.generation.id,
            items=ranked.items[:n],
            scores=ranked.scores[:n],
            unknown=ranked.unknown,
        )
