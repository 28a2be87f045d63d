"""The parts of a process, run side by side, and its end."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable
from typing import Any


async def run_until_stopped(
    parts: Iterable[Coroutine[Any, Any, Any]], stop: asyncio.Event, *others: asyncio.Future[Any]
) -> None:
    """Run parts until the process is told to stop; raise as soon as one of them, or of some other futures, fails.

    A part may end. Whatever still runs at the end is cancelled and waited for, the others too.
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
    """See to it that the process ends, with status 1, if it does not do so by itself within some seconds.

    For a stop that took too long: the end of the event loop would wait for what does not stop, and so would the end
    of the interpreter. What is durable by then stays so; it is an end like SIGKILL.
    """
    timer = threading.Timer(after_s, os._exit, (1,))
    timer.daemon = True
    timer.start()
