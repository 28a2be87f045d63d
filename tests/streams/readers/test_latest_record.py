"""The latest record of a key."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from streams.readers import latest_record
from streams.readers.latest_record import latest_value
from tests.support.deliveries import Delivered
from tests.support.settings import settings_with

SETTINGS = settings_with()


async def latest(monkeypatch: pytest.MonkeyPatch, parts: Sequence[tuple[int, Delivered]]) -> bytes | None:
    """Return the latest value of `a` in records of partitions."""

    async def read(*_: Any, **__: Any) -> AsyncIterator[tuple[int, list[Delivered]]]:
        for partition, record in parts:
            yield partition, [record]

    monkeypatch.setattr(latest_record, "read_topic", read)
    return await latest_value("catalog", "a", SETTINGS)


async def test_the_record_with_the_highest_offset_of_a_partition_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its producer's clock may be behind; compaction keeps it, too."""
    parts = [(0, Delivered(1, b"a", b"first", 2000)), (0, Delivered(2, b"a", b"second", 1000))]

    assert b"second" == await latest(monkeypatch, parts)


async def test_of_several_partitions_the_latest_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offsets of two partitions say nothing about each other."""
    parts = [
        (0, Delivered(11, b"a", b"gone", 3000)),
        (1, Delivered(9, b"a", b"late", 2000)),
        (0, Delivered(12, b"a", b"early", 1000)),
        (1, Delivered(10, b"b", b"other", 4000)),
    ]

    assert b"late" == await latest(monkeypatch, parts)


async def test_a_tombstone_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the record before it."""
    parts = [(0, Delivered(1, b"a", b"first", 2000)), (0, Delivered(2, b"a", None, 2000))]

    assert None is await latest(monkeypatch, parts)
    assert None is await latest(monkeypatch, [])
