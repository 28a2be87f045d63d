"""Runs the parts of a process concurrently, and bounds its shutdown."""

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine, Iterable
from typing import Any

log = logging.getLogger(__name__)

STDERR = 2
PARTS_S = 3.0
"""Seconds that cancelled parts have to end."""


async def run_until_stopped(
    parts: Iterable[Coroutine[Any, Any, Any]], stop: asyncio.Event, *others: asyncio.Future[Any]
) -> None:
    """Run parts until `stop` is set; raise the first error of a part or of another future.

    A part may end early. At the end all running parts and futures are cancelled, and awaited for `PARTS_S` seconds.
    """
    stopped = asyncio.create_task(stop.wait())
    tasks: set[asyncio.Future[Any]] = {stopped, *others, *map(asyncio.create_task, parts)}
    try:
        waiting = tasks
        while not stopped.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        await _cancel(tasks)


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait for their ends; log those that do not end within `PARTS_S` seconds."""
    for task in tasks:
        task.cancel()
    ended, left = await asyncio.wait(tasks, timeout=PARTS_S)
    for task in ended:
        _ = task.cancelled() or task.exception()  # so that asyncio does not report it as never retrieved
    if left:
        log.warning("parts_did_not_end", extra={"parts": sorted(map(str, left)), "seconds": PARTS_S})


def force_exit_after(after_s: float, reason: str = "") -> None:
    """Exit the process with status 1 after some seconds, unless it has ended by then.

    It bounds a shutdown: the event loop and the interpreter would wait for tasks and threads that do not stop. The
    exit is as abrupt as SIGKILL; durable state stays durable.

    Args:
        after_s: The seconds.
        reason: A sentence that stderr gets before the exit.
    """

    def exit_now() -> None:
        if reason:
            os.write(STDERR, f"{reason}\n".encode())
        os._exit(1)

    timer = threading.Timer(after_s, exit_now)
    timer.daemon = True
    timer.start()
