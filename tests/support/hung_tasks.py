"""The end of a test that takes too long: later on a busy machine, and with the stacks of the tasks.

The interpreter's own stack ends in the event loop.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

from tests.support.patience import stretched


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(settings: Any) -> Generator[None, object, object]:
    """Have the alarm that ends a test print first where every task of the running event loop waits."""
    is_set = yield
    if threading.current_thread() is threading.main_thread():
        end_test, began = signal.getsignal(signal.SIGALRM), time.monotonic()

        def print_tasks(number: int, frame: FrameType | None) -> None:
            left_s = began + stretched(settings.timeout) - time.monotonic()
            if left_s > 0:
                signal.setitimer(signal.ITIMER_REAL, left_s)
                return
            for task in running_tasks():
                task.print_stack(file=sys.stderr)
            if callable(end_test):
                end_test(number, frame)

        signal.signal(signal.SIGALRM, print_tasks)
    return is_set


def running_tasks() -> set[asyncio.Task[object]]:
    """Return the tasks of the event loop that runs in this thread, none if none runs."""
    try:
        return asyncio.all_tasks()
    except RuntimeError:
        return set()
