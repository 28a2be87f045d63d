"""Who waits for a listener's list."""

import asyncio
from contextlib import suppress

import pytest

from web.feeds.list_waiters import Arrivals, TooManyWaitError


async def woken(event: asyncio.Event) -> bool:
    """Tell whether somebody was woken, and let them wait again."""
    was = event.is_set()
    event.clear()
    return was


def somebody_waits(arrivals: Arrivals) -> bool:
    """Tell whether anybody waits, now."""
    return arrivals.awaited


async def test_those_who_wait_for_a_list_are_woken_by_it() -> None:
    """All of them, and nobody else; whoever waits for everything is woken by everything."""
    arrivals = Arrivals()
    with arrivals.of("ann") as first, arrivals.of("ann") as second, arrivals.of("ben") as other:
        arrivals.tell(["zoe", "ann"])
        assert [True, True, False] == [await woken(event) for event in (first, second, other)]
        arrivals.tell_all()
        assert [True, True, True] == [await woken(event) for event in (first, second, other)]


async def test_who_has_gone_is_not_remembered() -> None:
    """However their waiting ended; the next one of the same listener is woken all the same."""
    arrivals = Arrivals()
    with suppress(TimeoutError), arrivals.of("ann"):
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
    assert not somebody_waits(arrivals)

    with arrivals.of("ann") as event:
        with arrivals.of("ann"):
            pass
        arrivals.tell(["ann"])
        assert event.is_set()
        assert somebody_waits(arrivals)
    arrivals.tell(["ann"])


async def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one listener or of many; whoever goes leaves room."""
    monkeypatch.setattr("web.feeds.list_waiters.WAITING_MAX", 2)
    arrivals = Arrivals()
    with arrivals.of("ann"):
        with arrivals.of("ben"), pytest.raises(TooManyWaitError, match=r"^2 requests wait for lists already\.$"):
            arrivals.of("zoe").__enter__()
        with arrivals.of("zoe"):
            pass
