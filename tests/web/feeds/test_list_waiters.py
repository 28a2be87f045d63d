"""Requests that wait for a listener's list."""

import asyncio
from contextlib import suppress

import pytest

from tests.support.virtual_time import now_s
from web.feeds.list_waiters import ListWaiters, TooManyWaitError


async def woken(event: asyncio.Event) -> bool:
    """Tell whether somebody was woken, and let them wait again."""
    was = event.is_set()
    event.clear()
    return was


def somebody_waits(waiters: ListWaiters) -> bool:
    """Tell whether anybody waits, now."""
    return waiters.any


async def test_those_who_wait_for_a_list_are_woken_by_it() -> None:
    """All of them, and no others; a waiter for everything is woken by everything."""
    waiters = ListWaiters()
    with waiters.wait_for("ann") as first, waiters.wait_for("ann") as second, waiters.wait_for("ben") as other:
        waiters.wake(["zoe", "ann"])
        assert [True, True, False] == [await woken(event) for event in (first, second, other)]
        waiters.wake_all()
        assert [True, True, True] == [await woken(event) for event in (first, second, other)]


@pytest.mark.virtual_time
async def test_a_list_that_comes_as_the_time_is_up_counts() -> None:
    """The condition holds then, although nothing woke the waiter before."""
    waiters, lists = ListWaiters(), list[str]()
    with waiters.wait_for("ann") as came:
        asyncio.get_running_loop().call_later(1, lists.append, "ann")
        assert await waiters.until(came, lambda: bool(lists), 1.0)
        assert not await waiters.until(came, lambda: len(lists) > 1, 1.0)


@pytest.mark.virtual_time
async def test_a_gateway_that_ends_waits_no_longer() -> None:
    """The condition is checked once more all the same."""
    waiters = ListWaiters()
    with waiters.wait_for("ann") as came:
        asyncio.get_running_loop().call_later(1, waiters.close)
        assert not await waiters.until(came, lambda: False, 1000.0)
        assert await waiters.until(came, lambda: waiters.closed, 1000.0)
    assert 1 == now_s()


async def test_who_has_gone_is_not_remembered() -> None:
    """However their waiting ended; the next one of the same listener is woken all the same."""
    waiters = ListWaiters()
    with suppress(TimeoutError), waiters.wait_for("ann"):
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
    assert not somebody_waits(waiters)

    with waiters.wait_for("ann") as event:
        with waiters.wait_for("ann"):
            pass
        waiters.wake(["ann"])
        assert event.is_set()
        assert somebody_waits(waiters)
    waiters.wake(["ann"])


@pytest.mark.virtual_time
async def test_the_longest_wait_is_known() -> None:
    """It is that of the earliest waiter which still waits."""
    waiters = ListWaiters()
    assert not waiters.any_for(0)
    with waiters.wait_for("zoe"):
        await asyncio.sleep(0.5)
        with waiters.wait_for("ann"):
            assert waiters.any_for(0.5)
            assert not waiters.any_for(0.6)
    with waiters.wait_for("ben"):
        assert not waiters.any_for(0.5)
        await asyncio.sleep(0.5)
        assert waiters.any_for(0.5)


async def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one listener or of many; a waiter that leaves makes room."""
    monkeypatch.setattr("web.feeds.list_waiters.WAITING_MAX", 2)
    waiters = ListWaiters()
    with waiters.wait_for("ann"):
        with waiters.wait_for("ben"), pytest.raises(TooManyWaitError, match=r"^2 requests wait for lists already\.$"):
            waiters.wait_for("zoe").__enter__()
        with waiters.wait_for("zoe"):
            pass
