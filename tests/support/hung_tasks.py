"""The stacks of tasks in a test that takes too long: the interpreter's own stack ends in the event loop."""

import asyncio
import signal
import sys
import threading
from collections.abc import Generator
from types import FrameType

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer() -> Generator[None, object, object]:
    """Have the alarm that ends a test print first where every task of the running event loop waits."""
    is_set = yield
    if threading.current_thread() is threading.main_thread():
        end_test = signal.getsignal(signal.SIGALRM)

        def print_tasks(number: int, frame: FrameType | None) -> None:
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
