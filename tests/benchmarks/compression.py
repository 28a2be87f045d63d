"""Cost and gain of compression: bytes, and microseconds to encode and to decode, per list and per user record.

Lists and records are those of `group`: f=64, 10,000 items, the top 50 with their reasons. A group is one batch a topic,
as the outbox sends it, encoded by aiokafka with its own levels. `against` is the same batch without compression.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.threads import pin_threads
from tests.benchmarks.report import Row, report

pin_threads(1)  # before numpy is loaded

# ruff: noqa: E402
import numpy as np
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents.group_context import GroupContext
from agents.plays.changes import Changes
from agents.plays.decode import read_group
from agents.worker import warm_up
from streams.consumer.slices import Slice
from streams.outbox import RECORD_BYTES_MAX, Item
from streams.settings import Settings
from tests.benchmarks.group import filled, histories, popular_generation
from tests.benchmarks.live_quality import Side
from tests.benchmarks.stream import ITEMS
from tests.support.batches import CODECS
from tests.support.deliveries import Delivered, make_durable
from tests.support.made_up import made_up_plays

USERS = 10_000
GROUPS = {1: 100, 10: 30, 100: 6}
"""Groups of every size."""


class Producing(Side):
    """A worker's work that returns the records to produce."""

    def changes_of(self, plays: Sequence[Item]) -> Changes:
        """Fold plays, commit them, and return the records of the group."""
        records = [Delivered(offset, *play) for offset, play in enumerate(plays, self._offset)]
        self._offset += len(records)
        group = read_group([Slice("plays", 0, records, None)], self._settings)
        context = GroupContext({0: self._state}, self._generation, time.time_ns() // 1_000_000)
        changes = self._folder.fold(group, context)
        make_durable(changes, context.states)
        return changes[0]


def batch_of(items: Sequence[Item], codec: int) -> bytes:
    """Encode records as one batch."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, RECORD_BYTES_MAX)
    for number, (key, value) in enumerate(items):
        builder.append(number, 1_800_000_000_000, key, value, [])
    return bytes(builder.build())


def measure(name: str, size: int, groups: Sequence[Sequence[Item]]) -> Iterator[Row]:
    """Measure all codecs on the same groups."""
    n, plain = sum(map(len, groups)), {"bytes": 0.0, "encode": 0.0, "decode": 0.0}
    for codec, number in CODECS.items():
        began = time.thread_time()
        batches = [batch_of(items, number) for items in groups]
        encoded = time.thread_time()
        for raw in batches:
            for _ in MemoryRecords(raw).next_batch():
                pass
        decoded = time.thread_time()
        bytes_each = sum(map(len, batches)) / n
        encode_us, decode_us = 1e6 * (encoded - began) / n, 1e6 * (decoded - encoded) / n
        if codec == "none":
            plain = {"bytes": bytes_each, "encode": encode_us, "decode": decode_us}
        yield Row(
            f"{name}_{size}_{codec}",
            bytes_each,
            "B",
            plain["bytes"],
            plain["bytes"] / bytes_each,
            encode_us=encode_us - (plain["encode"] if codec != "none" else 0.0),
            decode_us=decode_us - (plain["decode"] if codec != "none" else 0.0),
        )


def rows() -> Iterator[Row]:
    """Measure lists and user records, by the size of the group."""
    warm_up()
    rng = np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as folder:
        generation = popular_generation(Path(folder) / "generation", rng)
        side = Producing(Path(folder) / "state", Settings(), generation)
        filled(side, histories(rng))
        for size, n_groups in GROUPS.items():
            changes = [side.changes_of(made_up_plays(size, USERS, ITEMS, rng)) for _ in range(n_groups)]
            yield from measure("list", size, [changed.lists for changed in changes if changed.lists])
            yield from measure("record", size, [changed.changelog for changed in changes])
        side.close()


if __name__ == "__main__":
    report(rows())
