"""Bounded reads of a topic on a real Kafka."""

import asyncio

import pytest
from aiokafka import TopicPartition

from streams.kafka.ports import free_port
from streams.outbox import Item, Outbox
from streams.readers.log_reader import LogReadError, partitions_of, read_span, read_topic, reader
from streams.settings import Settings, override
from streams.topics.topics import TopicNames

TIMEOUT_S = 10.0


async def fill(settings: Settings, topic: str, **counts: int) -> None:
    """Write as many records into partitions `p0`, `p1`, ... as told."""
    async with Outbox(settings.kafka) as outbox:
        for name, count in counts.items():
            items: list[Item] = [(b"k", b"%d" % number) for number in range(count)]
            await (await outbox.send(topic, int(name[1:]), items)).written()


async def span(
    settings: Settings, ends: dict[TopicPartition, int], starts: dict[TopicPartition, int], timeout_s: float = TIMEOUT_S
) -> list[tuple[int, int]]:
    """Return partition and offset of every record of a span."""
    async with reader(settings.kafka, TIMEOUT_S) as consumer:
        reading = read_span(consumer, ends, starts, timeout_s)
        return [(partition, record.offset) async for partition, records in reading for record in records]


async def test_a_topic_is_read_to_its_end_of_now(settings: Settings, names: TopicNames) -> None:
    """Every record of every partition, in order; empty partitions hold nobody up."""
    await fill(settings, names.plays, p0=1500, p2=3)

    values: dict[int, list[bytes]] = {}
    async for partition, records in read_topic(settings.kafka, names.plays, TIMEOUT_S):
        values.setdefault(partition, []).extend(record.value for record in records)

    assert {0: [b"%d" % n for n in range(1500)], 2: [b"0", b"1", b"2"]} == values


async def test_some_partitions_are_read_alone(settings: Settings, names: TopicNames) -> None:
    """Those that were named."""
    await fill(settings, names.plays, p0=2, p1=2, p2=2)

    partitions = [number async for number, _ in read_topic(settings.kafka, names.plays, TIMEOUT_S, [1, 3])]

    assert [1] == partitions


async def test_an_empty_topic_ends_at_once(settings: Settings, names: TopicNames) -> None:
    """Nothing to read is not a wait."""
    async with asyncio.timeout(5):
        assert [] == [batch async for batch in read_topic(settings.kafka, names.plays, TIMEOUT_S)]


async def test_a_span_holds_what_was_asked_for(settings: Settings, names: TopicNames) -> None:
    """From the start offset up to, not including, the end, though more stands there; an empty span ends at once."""
    await fill(settings, names.plays, p0=10, p1=10)
    first, second = TopicPartition(names.plays, 0), TopicPartition(names.plays, 1)

    assert [(0, 3), (0, 4)] == await span(settings, {first: 5}, {first: 3})
    assert [(0, n) for n in range(4)] == await span(settings, {first: 4, second: 7}, {second: 7})


async def test_a_span_beyond_the_end_is_a_sentence(settings: Settings, names: TopicNames) -> None:
    """Records that never come are not waited for without end."""
    await fill(settings, names.plays, p0=2)

    with pytest.raises(LogReadError) as caught:
        await span(settings, {TopicPartition(names.plays, 0): 3}, {}, timeout_s=0.5)

    assert f"{names.plays} gave no record for 0.5 s before its end was reached." == str(caught.value)


async def test_a_missing_topic_is_a_sentence(settings: Settings) -> None:
    """The sentence has the command that makes it."""
    async with reader(settings.kafka, TIMEOUT_S) as consumer:
        with pytest.raises(LogReadError) as caught:
            await partitions_of(consumer, "no-such-topic")

    assert "Topic no-such-topic does not exist; `playfold topics create` makes it." == str(caught.value)


async def test_no_broker_is_a_sentence_in_time(settings: Settings) -> None:
    """The address and the way out are named."""
    away = override(settings, brokers=f"127.0.0.1:{free_port()}")

    with pytest.raises(LogReadError, match=rf"^No Kafka broker answered at {away.kafka.brokers}: start Kafka, or "):
        async for _ in read_topic(away.kafka, "plays", 1.0):
            pass
