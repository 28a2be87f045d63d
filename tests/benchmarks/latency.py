"""Play produced to list consumed, on the full path, at a fixed number of plays a second.

f=64, 10,000 items, 5,000 listeners with histories of about 30 items, the top 50 published; `stopwatch.py` says how it
is measured.
"""

import asyncio

import numpy as np
import uvloop

from cli.processes import WorkerProcess
from streams.settings import Settings
from tests.benchmarks.report import Row, report
from tests.benchmarks.stopwatch import Load, Stopwatch
from tests.benchmarks.stream import HISTORY, ITEMS, made_up_histories, plays_of
from tests.benchmarks.system import run_ours, system
from tests.support.made_up import made_up_factors, publish, send_plays

USERS, FACTORS = 5_000, 64
RATES = (100, 500, 1000, 2000)
SECONDS, WARM_S = 15.0, 3.0


async def measure(settings: Settings, rate: int) -> list[Row]:
    """Produce and consume, then wait for the last lists."""
    watch, load, rng = Stopwatch(settings), Load(USERS, ITEMS, rate), np.random.default_rng(rate)
    async with watch.following():
        await asyncio.sleep(1)
        await watch.send(load, WARM_S, rng)
        watch.begin()
        await watch.send(load, SECONDS, rng)
        await watch.all_answered()
    p50, p99, p999 = np.percentile(watch.taken_ms, (50, 99, 99.9)).tolist()
    unchanged = watch.n_unchanged + watch.n_waiting
    further = {
        "plays": len(watch.taken_ms),
        "unchanged": unchanged,
        "p99_9_ms": round(p999, 1),
        "max_ms": max(watch.taken_ms),
    }
    return [Row(f"p50_ms_{rate}", p50, "ms", **further), Row(f"p99_ms_{rate}", p99, "ms", **further)]


def rows() -> list[Row]:
    """Measure at every rate, one after the other, on one worker."""
    rng = np.random.default_rng(2)
    with system() as settings:
        send_plays(settings, plays_of(made_up_histories(USERS, rng)))
        run_ours(settings, "full", USERS * HISTORY)
        publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        run_ours(settings, "full", 0)
        worker = WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(60)
            return [row for rate in RATES for row in uvloop.run(measure(settings, rate))]
        finally:
            worker.stop()


if __name__ == "__main__":
    report(rows())
