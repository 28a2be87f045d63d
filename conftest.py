"""The hooks of every test and of every example in a docstring; a hook below `tests` would not see the examples."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

from tests.support.hung_tasks import pytest_timeout_set_timer  # noqa: F401  a hook of this file, too
from tests.support.tiers import is_unit, order_of
from tests.support.unit_guard import GUARD
from tests.support.virtual_time import VirtualTimeLoop

# Read when numpy and numba are first imported, which nothing above does: one thread each, so that tests that run
# processes of their own do not fight over the cores, and implicit has nothing to warn of.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

# A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Processes that tests start share compiled bytecode, even where the environment of the tests forbids writing it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

EXAMPLE = ">>> "
"""The beginning of an example in a docstring."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without garbage collection, and exclude them from it: there is hardly any garbage among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples of docstrings only in files that have some: the search imports and inspects everything."""
    collectors = yield
    return [one for one in collectors if not isinstance(one, DoctestModule) or EXAMPLE in file_path.read_text()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the unit tests, and begin with files that have others.

    A file belongs to one process, and no long one is left over at the end of a run.
    """
    for item in items:
        if is_unit(item):
            item.add_marker(pytest.mark.unit)
    longer = {item.path for item in items if item.get_closest_marker("unit") is None}
    items.sort(key=lambda item: (item.path not in longer, order_of(item)))


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """Run a test of timers on a clock that does not wait."""
    is_virtual = item.get_closest_marker("virtual_time") is not None
    return {"virtual": VirtualTimeLoop} if is_virtual else {"real": asyncio.new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Hold the fixtures of a unit test to their process."""
    with watched(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Hold a unit test to its process."""
    with watched(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Hold the end of a unit test's fixtures to their process."""
    with watched(item):
        return (yield)


def watched(item: pytest.Item) -> AbstractContextManager[None]:
    """Return the guard of a unit test, nothing for any other test."""
    return nullcontext() if item.get_closest_marker("unit") is None else GUARD.watch()
