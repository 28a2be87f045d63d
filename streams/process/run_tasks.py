"""Runs the parts of a process concurrently, and bounds its shutdown."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable
from typing import Any


async def run_until_stopped(
    parts: Iterable[Coroutine[Any, Any, Any]], stop: asyncio.Event, *others: asyncio.Future[Any]
) -> None:
    """Run parts until `stop` is set; raise the first error of a part or of another future.

    A part may end early. At the end all running parts and futures are cancelled and awaited.
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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def force_exit_after(after_s: float) -> None:
    """Exit the process with status 1 after some seconds, unless it has ended by then.

    It bounds a shutdown: the event loop and the interpreter would wait for threads that do not stop. The exit is as
    abrupt as SIGKILL; durable state stays durable.
    """
    timer = threading.Timer(after_s, os._exit, (1,))
    timer.daemon = True
    timer.start()
