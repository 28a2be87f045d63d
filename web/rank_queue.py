"""Requests that wait for a thread, which answers those that wait together in one call."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, NamedTuple, TypeVar

WAITING_MAX = 200
"""Requests that may be queued or in progress."""
ANSWER_S = 10.0
"""Seconds after which a request gives up."""

Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class RankingBusyError(TimeoutError):
    """Too many requests are queued for ranking, or one was queued for too long. Try again later."""


class _Request(NamedTuple, Generic[Wanted, Answer]):
    """A request, and the future of its answer."""

    wanted: Wanted
    answer: "asyncio.Future[Answer]"


class RankQueue(Generic[Wanted, Answer]):
    """Answers requests in a thread, one call at a time, first come, first served.

    A request that finds the thread idle is answered at once. Those that come during a call wait, and share the next
    one: a pass over the memory of the items takes hardly longer for several requests than for one.
    """

    def __init__(
        self, work: Callable[[Sequence[Wanted]], Sequence[Answer]], thread: Executor, together_max: int
    ) -> None:
        """Answer at most `together_max` requests in one call of `work`, in `thread`."""
        self._work, self._thread, self._together_max = work, thread, together_max
        self._queue: deque[_Request[Wanted, Answer]] = deque()
        self._n_open = 0
        self._running: asyncio.Task[None] | None = None

    async def put(self, wanted: Wanted) -> Answer:
        """Return the answer to a request.

        Raises:
            RankingBusyError: `WAITING_MAX` requests wait already, or it was not answered within `ANSWER_S`.
        """
        if self._n_open >= WAITING_MAX:
            message = f"{WAITING_MAX:,} requests are queued for ranking: the limit is reached."
            raise RankingBusyError(message)
        loop = asyncio.get_running_loop()
        request = _Request[Wanted, Answer](wanted, loop.create_future())
        self._queue.append(request)
        self._n_open += 1
        if self._running is None:
            self._running = loop.create_task(self._run())
        try:
            async with asyncio.timeout(ANSWER_S):
                return await request.answer
        except TimeoutError:
            message = f"The request was not ranked within {ANSWER_S:g} s: the thread is busy."
            raise RankingBusyError(message) from None
        finally:
            self._n_open -= 1

    async def _run(self) -> None:
        """Answer the queued requests, until there are none."""
        try:
            while self._queue:
                taken = [self._queue.popleft() for _ in range(min(len(self._queue), self._together_max))]
                await self._answer([request for request in taken if not request.answer.done()])
        finally:
            self._running = None

    async def _answer(self, requests: Sequence[_Request[Wanted, Answer]]) -> None:
        """Answer requests; after an error each by itself, so that only the one at fault fails."""
        if not requests:
            return
        wanted = [request.wanted for request in requests]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, wanted)
        except Exception as error:  # noqa: BLE001  it is raised where the request waits
            if len(requests) > 1:
                for request in requests:
                    await self._answer([request])
            elif not requests[0].answer.done():
                requests[0].answer.set_exception(error)
            return
        for request, answer in zip(requests, answers, strict=True):
            if not request.answer.done():
                request.answer.set_result(answer)
