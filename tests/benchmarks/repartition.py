"""1,000,000 listeners copied from 4 to 8 partitions, and verified by content.

Time runs from the first connection of the command to its end. The topics have no lists and no items: the changelog is
most of the work.
"""

import asyncio
import time

from jobs.progress import no_progress
from jobs.topics.repartition import repartition, target_settings
from streams.topics.admin import create_topics
from streams.topics.topics import topic_names
from tests.benchmarks.changelog import user_records, write_changelog
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system

N_USERS, N_HISTORY, PARTITIONS = 1_000_000, 14, 8


def rows() -> list[Row]:
    """Measure one repartition."""
    with system() as settings:
        create_topics(settings)
        items = user_records(N_USERS, N_HISTORY, settings.topics.partitions)
        asyncio.run(write_changelog(settings, items))
        record_bytes = len(items[0][0][1] or b"")
        del items
        target = target_settings(settings, PARTITIONS, None, None)
        began = time.perf_counter()
        done = asyncio.run(repartition(settings, target, no_progress))
        seconds = time.perf_counter() - began
        n_copied = done.records[topic_names(target).users_changelog]
        if n_copied != N_USERS:
            message = f"{n_copied} listeners were copied of {N_USERS}."
            raise RuntimeError(message)
        return [Row("repartition", N_USERS / seconds, "records/s", seconds=seconds, record_bytes=record_bytes)]


if __name__ == "__main__":
    report(rows())
