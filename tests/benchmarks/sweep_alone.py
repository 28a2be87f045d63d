"""A sweep of 300,000 listeners with nothing else going on: its speed.

f=64, 50,000 items, listeners with 30 to 50 items in the changelog, the top 50 published for everybody. Two generations
are announced in turn; a turn is timed from its announcement to the end of the last partition.

All parts are those of `tests.benchmarks.sweep`, which other revisions have too: `versus --bring` runs this file there.
"""

import asyncio
import time
from typing import Any

import numpy as np

from tests.benchmarks import sweep
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system

USERS, ITEMS, TURNS = 300_000, 50_000, 3
READY_S = 120
PARTS: Any = sweep  # also what that module imports from elsewhere, and from other places in other revisions


async def turns(worker: Any, generations: tuple[str, str]) -> list[float]:
    """Sweep turn by turn; return the seconds of each."""
    await sweep.until_swept(worker, generations[1])
    seconds = []
    for number in range(TURNS):
        began = time.time()
        await PARTS.announce(worker.settings, generations[number % 2], 0, int(1000 * began))
        seconds.append(await sweep.until_swept(worker, generations[number % 2]) - began)
    return seconds


def rows() -> list[Row]:
    """Measure on one worker."""
    PARTS.USERS, PARTS.ITEMS = USERS, ITEMS
    rng = np.random.default_rng(2)
    with system() as settings:
        asyncio.run(sweep.fill(settings))
        first, second = (
            PARTS.publish(settings, PARTS.made_up_factors(ITEMS, sweep.FACTORS, rng)) for _ in ("first", "second")
        )
        worker = PARTS.WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(READY_S)
            seconds = asyncio.run(turns(worker, (first, second)))
        finally:
            worker.stop()
    return [Row("sweep_alone", USERS * TURNS / sum(seconds), "users/s", users=USERS, items=ITEMS, seconds=seconds)]


if __name__ == "__main__":
    report(rows())
