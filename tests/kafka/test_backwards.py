"""A partition that is read from its end to its beginning, on a real Kafka."""

import pytest
from aiokafka import TopicPartition

from streams.outbox import Outbox
from streams.readers import backwards
from streams.readers.backwards import read_backwards
from streams.readers.log_reader import Span, reader
from streams.settings import Settings
from streams.topics.topics import TopicNames

TIMEOUT_S = 10.0


async def ranges_of(settings: Settings, topic: str, span: Span) -> list[tuple[int, list[int]]]:
    """Return the ranges of a span: their starts, and the offsets of the records with an even value."""
    async with reader(settings.kafka, TIMEOUT_S) as consumer:
        ranges = read_backwards(
            consumer, TopicPartition(topic, 0), span, lambda record: not int(record.value) % 2, TIMEOUT_S
        )
        return [(part.start, [record.offset for record in part.records]) async for part in ranges]


async def test_the_last_range_comes_first(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every range is twice as long as the one before it, up to a limit; only selected records are returned."""
    monkeypatch.setattr(backwards, "FIRST_OFFSETS", 4)
    monkeypatch.setattr(backwards, "OFFSETS_MAX", 8)
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(names.plays, 0, [(b"k", b"%d" % number) for number in range(30)])).written()

    ranges = await ranges_of(settings, names.plays, Span(3, 27))

    assert [(23, [24, 26]), (15, [16, 18, 20, 22]), (7, [8, 10, 12, 14]), (3, [4, 6])] == ranges


async def test_an_empty_span_has_no_range(settings: Settings, names: TopicNames) -> None:
    """Nothing is asked of Kafka."""
    assert [] == await ranges_of(settings, names.plays, Span(0, 0))
