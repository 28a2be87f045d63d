"""A worker that lost its disk: changelog records a second until its state is whole again.

300,000 users with histories of 14 items stand in the changelog; an empty worker joins. Time runs from the moment its
partitions are assigned and opened to the moment it is ready for plays.
"""

import asyncio

from cli.processes import WorkerProcess
from tests.benchmarks.changelog import user_records, write_changelog
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system

USERS, HISTORY = 300_000, 14


def rows() -> list[Row]:
    """Measure one recovery."""
    with system() as settings:
        items = user_records(USERS, HISTORY, settings.topics.partitions)
        asyncio.run(write_changelog(settings, items))
        worker = WorkerProcess(settings)
        worker.start()
        try:
            worker.await_ready(120)
        finally:
            worker.stop()
        ready = next(event for event in worker.events() if event["event"] == "worker_ready")
        if ready["recovered"] != USERS + settings.topics.partitions:
            message = f"{ready['recovered']} records came back of {USERS}."
            raise RuntimeError(message)
        speed = USERS / ready["seconds"]
        return [Row("recovery", speed, "records/s", seconds=ready["seconds"], record_bytes=len(items[0][0][1] or b""))]


if __name__ == "__main__":
    report(rows())
