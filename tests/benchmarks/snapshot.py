"""The first step of a night: 1,000,000 listeners from the changelog to Parquet files.

A quarter of them stands in the changelog twice, as before compaction. Time runs from the first connection to the
closed files.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from jobs.histories.snapshot import USERS, write_snapshot
from jobs.progress import no_progress
from tests.benchmarks.changelog import user_records, write_changelog
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system

N_USERS, N_HISTORY = 1_000_000, 14


def rows() -> list[Row]:
    """Measure one snapshot."""
    with system() as settings, tempfile.TemporaryDirectory() as folder:
        items = user_records(N_USERS, N_HISTORY, settings.topics.partitions)
        n_records = 0
        for part in ({p: records[::4] for p, records in items.items()}, items):
            asyncio.run(write_changelog(settings, part))
            n_records += sum(map(len, part.values()))
        record_bytes = len(items[0][0][1] or b"")
        del items
        began = time.perf_counter()
        snapshot = asyncio.run(write_snapshot(settings, Path(folder), no_progress))
        seconds = time.perf_counter() - began
        if snapshot.record.n_users != N_USERS:
            message = f"{snapshot.record.n_users} listeners were found of {N_USERS}."
            raise RuntimeError(message)
        parquet_bytes = (Path(folder) / USERS).stat().st_size
        more = {"users": N_USERS, "records": n_records, "record_bytes": record_bytes, "parquet_bytes": parquet_bytes}
        return [Row("snapshot", seconds, "s", records_per_s=n_records / seconds, **more)]


if __name__ == "__main__":
    report(rows())
