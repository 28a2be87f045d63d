"""A worker that lost its disk: changelog records a second until its state is whole again.

300,000 users with histories of 14 items stand in the changelog; an empty worker joins. Time runs from the moment its
partitions are assigned and opened to the moment it is ready for plays.
"""

import asyncio

import numpy as np

from cli.processes import WorkerProcess
from model.history import Histories
from state.user_records import new_users, pack
from streams.outbox import Item, Outbox
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import topic_names
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system

USERS, HISTORY = 300_000, 14


def changelog_items(partition_of_user: list[int], partitions: int) -> dict[int, list[Item]]:
    """Return user records as workers write them: per partition, by ascending applied offset."""
    rng = np.random.default_rng(3)
    records = new_users(USERS, 2)
    starts = np.arange(0, USERS * HISTORY + 1, HISTORY)
    n = USERS * HISTORY
    records.histories = Histories(
        starts,
        rng.integers(1, 2**63, n).astype(np.uint64),
        np.ones(n, np.float32),
        np.tile(np.arange(1, HISTORY + 1, dtype=np.uint32), USERS),
        np.full(n, 1_700_000_000, np.uint32),
    )
    records.header["applied_offset"] = np.arange(USERS) * HISTORY
    records.header["plays"] = HISTORY
    values = pack(records)
    items: dict[int, list[Item]] = {partition: [] for partition in range(partitions)}
    for user, (partition, value) in enumerate(zip(partition_of_user, values, strict=True)):
        items[partition].append((f"u{user}".encode(), value))
    return items


async def fill(settings: Settings, items: dict[int, list[Item]]) -> None:
    """Write the changelog."""
    async with Outbox(settings) as outbox:
        for partition, found in items.items():
            await (await outbox.send(topic_names(settings).users_changelog, partition, found)).written()


def rows() -> list[Row]:
    """Measure one recovery."""
    with system() as settings:
        owners = [partition_of(f"u{user}", settings.partitions) for user in range(USERS)]
        items = changelog_items(owners, settings.partitions)
        asyncio.run(fill(settings, items))
        worker = WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(120)
        finally:
            worker.stop()
        told = next(event for event in worker.events() if event["event"] == "worker_ready")
        if told["recovered"] != USERS:
            message = f"{told['recovered']} records came back of {USERS}."
            raise RuntimeError(message)
        speed = USERS / told["seconds"]
        return [Row("recovery", speed, "records/s", seconds=told["seconds"], record_bytes=len(items[0][0][1] or b""))]


if __name__ == "__main__":
    report(rows())
