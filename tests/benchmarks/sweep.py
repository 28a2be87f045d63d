"""A sweep of 100,000 listeners while plays flow: its speed, and the latency of plays during it.

f=64, 10,000 items, listeners with 30 to 50 items in the changelog, the top 50 published, 500 plays a second. Two
generations are announced in turn. Each turn measures a quiet stretch, then a sweep from its announcement to its end;
`stopwatch.py` says how. The figures are over all turns. Every play is a listener's first in a while, so that its
list is due; it is answered by the sweep only where the sweep was faster.
"""

import asyncio
import time
from typing import Any

import numpy as np
import uvloop

from cli.processes import WorkerProcess
from jobs.announcement import announce
from model.history import Histories
from state.keys import item_key
from state.users.record_batch import new_users, pack
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.benchmarks.report import Row, report
from tests.benchmarks.stopwatch import Load, Stopwatch
from tests.benchmarks.system import system
from tests.support.made_up import made_up_factors, publish

USERS, ITEMS, FACTORS, HISTORY = 100_000, 10_000, 64, (30, 50)
PLAYS_PER_S, QUIET_S, WARM_S, TURNS = 500, 12.0, 3.0, 4
SWEEP_S_MAX = 300.0
LOAD = Load(USERS, ITEMS, PLAYS_PER_S)


def changelog_items(settings: Settings) -> dict[int, list[Item]]:
    """Return users' records without a list, of whose plays none stands in the plays topic, per partition."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(HISTORY[0], HISTORY[1] + 1, USERS)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    keys = np.array([item_key(f"i{number}") for number in range(ITEMS)], np.uint64)
    # A step through all items that has no factor in common with their number repeats none within a history.
    played = (rng.integers(ITEMS, size=USERS).repeat(lengths) + 7919 * np.arange(starts[-1])) % ITEMS
    touched = np.arange(1, starts[-1] + 1) - starts[:-1].repeat(lengths)
    records = new_users(USERS, FACTORS)
    records.histories = Histories(
        starts,
        keys[played],
        np.ones(starts[-1], np.float32),
        touched.astype(np.uint32),
        np.full(starts[-1], 1_700_000_000, np.uint32),
    )
    records.header["plays"], records.header["last_played_s"] = lengths, 1_700_000_000
    items: dict[int, list[Item]] = {partition: [] for partition in range(settings.topics.partitions)}
    for user, value in enumerate(pack(records)):
        items[partition_of(f"u{user}", settings.topics.partitions)].append((f"u{user}".encode(), value))
    return items


async def fill(settings: Settings) -> None:
    """Write the changelog."""
    async with Outbox(settings.kafka) as outbox:
        for partition, records in changelog_items(settings).items():
            await (await outbox.send(topic_names(settings).users_changelog, partition, records)).written()


def swept(worker: WorkerProcess, generation_id: str) -> list[dict[str, Any]]:
    """Return the ends of a generation's sweep in a worker's log, since the swap."""
    events = worker.events()
    swaps = [number for number, event in enumerate(events) if event["event"] == "generation_swapped"]
    after = events[swaps[-1] :] if swaps and events[swaps[-1]]["generation"] == generation_id else []
    return [event for event in after if event["event"] == "partition_swept"]


async def until_swept(worker: WorkerProcess, generation_id: str) -> float:
    """Wait for the end of a sweep, and return when it was, by the log's clock.

    Raises:
        RuntimeError: It takes too long.
    """
    deadline = time.monotonic() + SWEEP_S_MAX
    while len(ends := swept(worker, generation_id)) < worker.settings.topics.partitions:
        if time.monotonic() > deadline:
            message = f"{len(ends)} partitions were swept within {SWEEP_S_MAX:g} s."
            raise RuntimeError(message)
        await asyncio.sleep(0.2)
    return float(max(event["at"] for event in ends))


async def turn(watch: Stopwatch, worker: WorkerProcess, generation_id: str) -> tuple[list[float], list[float], float]:
    """Measure a quiet stretch, then a sweep; return the times of their plays, and the sweep's seconds."""
    rng = np.random.default_rng()
    await watch.send(LOAD, WARM_S, rng)
    watch.begin()
    await watch.send(LOAD, QUIET_S, rng)
    await watch.all_answered()
    quiet = watch.taken_ms
    sending = asyncio.create_task(watch.send(LOAD, SWEEP_S_MAX, rng))
    await asyncio.sleep(1)
    watch.begin()
    began = time.time()
    await announce(watch.settings, generation_id, 0, int(1000 * began))
    ended = await until_swept(worker, generation_id)
    watch.timed = False
    await watch.all_answered()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    return quiet, watch.taken_ms, ended - began


async def measure(settings: Settings, worker: WorkerProcess, generations: tuple[str, str]) -> list[Row]:
    """Measure turn by turn."""
    quiet, swept_ms, seconds = list[float](), list[float](), list[float]()
    watch = Stopwatch(settings)
    async with watch.following():
        await until_swept(worker, generations[1])
        for number in range(TURNS):
            turned = await turn(watch, worker, generations[number % 2])
            quiet += turned[0]
            swept_ms += turned[1]
            seconds.append(turned[2])
    (p50, p99), (quiet_p50, quiet_p99) = (np.percentile(times, (50, 99)).tolist() for times in (swept_ms, quiet))
    further = {"plays": len(swept_ms), "quiet_plays": len(quiet), "max_ms": max(swept_ms), "quiet_max_ms": max(quiet)}
    return [
        Row("sweep", USERS * TURNS / sum(seconds), "users/s", seconds=sum(seconds) / TURNS, users=USERS, turns=TURNS),
        Row("sweep_p99_ms", p99, "ms", quiet_p99, p99 / quiet_p99, plays_per_s=PLAYS_PER_S, **further),
        Row("sweep_p50_ms", p50, "ms", quiet_p50, p50 / quiet_p50),
    ]


def rows() -> list[Row]:
    """Measure on one worker."""
    rng = np.random.default_rng(2)
    with system(list_heartbeat_s=1) as settings:
        asyncio.run(fill(settings))
        first = publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        second = publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        worker = WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(60)
            measured: list[Row] = uvloop.run(measure(settings, worker, (first, second)))
            return measured
        finally:
            worker.stop()


if __name__ == "__main__":
    report(rows())
