"""The parts of a process, run side by side."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def run_together(
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
