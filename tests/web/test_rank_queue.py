"""Requests that share the calls of a thread."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.support.wait import wait_idle, wait_until
from web import rank_queue
from web.rank_queue import RankingBusyError, RankQueue

LIMIT_S = 10


class Work:
    """Doubles numbers, once it may; remembers its calls."""

    def __init__(self) -> None:
        """Begin at once."""
        self.may_run = Event()
        self.may_run.set()
        self.calls: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        """Answer a call; a negative number is an error."""
        self.calls.append(list(numbers))
        assert self.may_run.wait(LIMIT_S)
        if min(numbers) < 0:
            message = f"{min(numbers)} is negative."
            raise ValueError(message)
        return [2 * number for number in numbers]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """Give a thread."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def waiting_behind_a_call(
    work: Work, queue: RankQueue[int, int], numbers: Sequence[int]
) -> list[asyncio.Task[int]]:
    """Put numbers while a call with the number 0 runs; return the requests, that of 0 first."""
    work.may_run.clear()
    first = asyncio.create_task(queue.put(0))
    await wait_until(lambda: work.calls == [[0]])
    others = [asyncio.create_task(queue.put(number)) for number in numbers]
    await wait_idle()
    return [first, *others]


async def test_a_request_alone_is_answered_at_once(thread: ThreadPoolExecutor) -> None:
    """It waits for no other."""
    work = Work()
    queue = RankQueue(work, thread, 8)

    assert [6, 8] == [await queue.put(3), await queue.put(4)]
    assert [[3], [4]] == work.calls


async def test_requests_that_come_during_a_call_share_the_next_one(thread: ThreadPoolExecutor) -> None:
    """In their order, as many as fit; each gets its own answer."""
    work = Work()
    requests = await waiting_behind_a_call(work, RankQueue(work, thread, 3), [1, 2, 3, 4])

    work.may_run.set()

    assert [0, 2, 4, 6, 8] == await asyncio.gather(*requests)
    assert [[0], [1, 2, 3], [4]] == work.calls


async def test_one_at_a_time_if_so_configured(thread: ThreadPoolExecutor) -> None:
    """With room for one request, no call has two."""
    work = Work()
    requests = await waiting_behind_a_call(work, RankQueue(work, thread, 1), [1, 2])

    work.may_run.set()

    await asyncio.gather(*requests)
    assert [[0], [1], [2]] == work.calls


async def test_an_error_is_that_of_its_request_alone(thread: ThreadPoolExecutor) -> None:
    """The others of its call are answered."""
    work = Work()
    requests = await waiting_behind_a_call(work, RankQueue(work, thread, 8), [1, -2, 3])

    work.may_run.set()
    answers = await asyncio.gather(*requests, return_exceptions=True)

    assert [0, 2, 6] == [answers[0], answers[1], answers[3]]
    assert "-2 is negative." == str(answers[2])


async def test_a_request_that_gave_up_is_not_ranked(thread: ThreadPoolExecutor) -> None:
    """Its client is gone; the others are answered."""
    work = Work()
    requests = await waiting_behind_a_call(work, RankQueue(work, thread, 8), [1, 2])
    requests[1].cancel()
    await asyncio.gather(requests[1], return_exceptions=True)

    work.may_run.set()

    assert [0, 4] == [await requests[0], await requests[2]]
    assert [[0], [2]] == work.calls


async def test_requests_beyond_the_limit_are_refused(
    thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the limit; those that wait are answered, and then there is room again."""
    monkeypatch.setattr(rank_queue, "WAITING_MAX", 3)
    work = Work()
    queue = RankQueue(work, thread, 8)
    requests = await waiting_behind_a_call(work, queue, [1, 2])

    with pytest.raises(RankingBusyError, match=r"^3 requests are queued for ranking: the limit is reached\.$"):
        await queue.put(3)
    work.may_run.set()

    assert [0, 2, 4] == await asyncio.gather(*requests)
    assert 8 == await queue.put(4)


async def test_a_request_gives_up_after_a_time(thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that does not end keeps no request waiting for ever; the next one is answered."""
    monkeypatch.setattr(rank_queue, "ANSWER_S", 0.05)
    work = Work()
    queue = RankQueue(work, thread, 8)
    work.may_run.clear()

    with pytest.raises(RankingBusyError, match=r"^The request was not ranked within 0\.05 s: the thread is busy\.$"):
        await queue.put(1)
    monkeypatch.setattr(rank_queue, "ANSWER_S", LIMIT_S)
    work.may_run.set()

    assert 4 == await queue.put(2)


async def test_a_thread_that_has_ended_answers_nobody(thread: ThreadPoolExecutor) -> None:
    """A request after the stop fails at once, and so does the one behind it."""
    queue = RankQueue(Work(), thread, 8)
    thread.shutdown()

    for number in (1, 2):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            await queue.put(number)
