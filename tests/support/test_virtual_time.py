"""A clock that jumps from timer to timer."""

import asyncio
import threading
import time

import pytest

from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle

pytestmark = pytest.mark.virtual_time


async def test_an_hour_is_over_at_once() -> None:
    """Timers fire in their order, each at its time."""
    fired: list[tuple[str, float]] = []

    async def fire(name: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        fired.append((name, now_s()))

    await asyncio.gather(fire("second", 3600), fire("first", 0.25))

    assert [("first", 0.25), ("second", 3600)] == fired


async def test_a_time_out_is_exact() -> None:
    """It ends the waiting task, at its second."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(7.5):
            await asyncio.Event().wait()

    assert 7.5 == now_s()


async def test_no_timer_overtakes_a_thread() -> None:
    """A thread that works for the loop takes none of its time, however long it takes."""
    release = threading.Event()
    threading.Timer(0.05, release.set).start()

    async with asyncio.timeout(0.01):
        assert await asyncio.to_thread(release.wait, 10)

    assert 0 == now_s()


async def test_bytes_come_before_timers() -> None:
    """Bytes for a socket of the loop are read before the clock moves."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"a line\n")
        async with asyncio.timeout(0.001):
            assert b"a line\n" == await reader.read()
        writer.close()
        await writer.wait_closed()


async def test_waiting_for_idle_tasks_takes_no_time() -> None:
    """Every task has gone as far as it can; those that wait for a timer still wait."""
    steps: list[int] = []

    async def step() -> None:
        for number in range(100):
            await asyncio.sleep(0)
            steps.append(number)
        await asyncio.sleep(1)
        steps.append(100)

    stepping = asyncio.create_task(step())
    await wait_idle()

    assert list(range(100)) == steps
    assert 0 == now_s()
    await stepping


async def test_real_time_goes_on() -> None:
    """Only the loop's clock is another one."""
    began = time.monotonic()

    await asyncio.sleep(3600)

    assert time.monotonic() - began < 3600
