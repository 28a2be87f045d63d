"""Waiting in tests: until a condition holds, or until nothing more can happen by itself."""

import asyncio
import time
from collections.abc import Callable

from tests.support.patience import stretched

POLL_S = 0.01
IDLE_SHARE = 3
"""Seconds of idleness for each second of computing in a wait."""


async def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait until a condition holds that tasks of this event loop, threads or other processes bring about.

    Raises:
        AssertionError: It does not hold within `timeout_s` seconds of a machine with a free core.
    """
    began = time.monotonic()
    while not condition():
        check_bound(began, timeout_s)
        await asyncio.sleep(POLL_S)


def block_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Block this thread until a condition holds that other threads or processes bring about.

    A condition that is expensive to check, such as one that reads a topic, uses a quarter of a core at most, which
    is left for the processes that bring it about.

    Raises:
        AssertionError: It does not hold within `timeout_s` seconds of a machine with a free core.
    """
    began, began_s = time.monotonic(), time.thread_time()
    while not condition():
        check_bound(began, timeout_s)
        time.sleep(max(POLL_S, IDLE_SHARE * (time.thread_time() - began_s)))
        began_s = time.thread_time()


def check_bound(began: float, timeout_s: float) -> None:
    """Check that a wait is not longer than its bound, which the load of the machine stretches.

    Raises:
        AssertionError: It is.
    """
    waited_s = time.monotonic() - began
    if waited_s > timeout_s:
        bound_s = stretched(timeout_s)
        load = bound_s / timeout_s
        assert waited_s <= bound_s, f"The condition does not hold within {timeout_s:g} s, under a load of {load:.1f}."


async def wait_idle() -> None:
    """Wait until every task of this event loop waits for a timer, for input or for another thread.

    Every effect that needs no timer, input or thread has happened by then, so a test can assert the absence of one.
    """
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # noqa: SLF001
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110  each turn runs the tasks that are ready
        await asyncio.sleep(0)
