"""The cost of explaining and encoding published lists, by the number in a group; and the length of a list.

f=64, 10,000 items, lists of 50 with the reasons of the settings' defaults; four listeners of five have histories of 30
items, the fifth one of 3, so that their lists are blended. Building the lists is not timed, reasons and JSON are, on
one thread. Milliseconds are those of the processor; the least of several rounds counts.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cli.threads import pin_threads
from tests.benchmarks.report import Row, report

pin_threads(1)  # before numpy is loaded

# ruff: noqa: E402
import numpy as np

from state.lists.context import ListContext
from state.lists.encode import ListEncoder
from state.lists.publish_policy import Publishing, Reason
from streams.settings import Settings
from tests.benchmarks.group import KNOWN_TO_NEWCOMERS, NEWCOMERS, popular_generation
from tests.benchmarks.stream import FACTORS, HISTORY, ITEMS
from tests.support.generations import build_lists, listener, unpacked

BATCHES = {1: 500, 10: 200, 100: 40, 1000: 10}
"""Rounds by the number of lists."""
PARTITIONS = 8
NOW_MS = 1_795_478_400_000


def rows() -> Iterator[Row]:
    """Measure every number of lists, then the bytes of a list."""
    rng, settings = np.random.default_rng(5), Settings()
    encoder = ListEncoder(settings)
    with tempfile.TemporaryDirectory() as folder:
        context = ListContext(popular_generation(Path(folder) / "generation", rng), NOW_MS)
        for n, rounds in BATCHES.items():
            sizes = [KNOWN_TO_NEWCOMERS if number % NEWCOMERS == 0 else HISTORY for number in range(1, n + 1)]
            played = [rng.choice(ITEMS, size, replace=False).tolist() for size in sizes]
            records = unpacked(*(listener(*items) for items in played), factors=FACTORS)
            lists = build_lists(records, context.generation, settings, now_ms=NOW_MS)
            due, reasons = np.ones(n, np.bool_), np.full(n, Reason.CHANGED, np.uint8)
            publishing = Publishing(due, ~due, reasons, np.zeros(n, np.float32))
            users = {p: [f"user-{number}".encode() for number in range(p, n, PARTITIONS)] for p in range(PARTITIONS)}
            taken_s = []
            for _ in range(rounds):
                began = time.process_time()
                messages = encoder.encode(users, records, lists, context, publishing)
                taken_s.append(time.process_time() - began)
            yield Row(f"encode_{n}_ms", 1000 * min(taken_s), "ms", us_a_list=1e6 * min(taken_s) / n, rounds=rounds)
    yield Row("list_bytes", float(np.mean([len(message) for message in messages.values()])), "bytes")


if __name__ == "__main__":
    report(rows())
