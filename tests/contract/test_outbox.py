"""The behaviour of every outbox: the one on Kafka, and the one in memory that tests use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import pytest

from streams.outbox import Headers, Item, Outbox, Written
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.support.memory_outbox import MemoryOutbox

TOPIC_PARTITION = 2


class Case(NamedTuple):
    """A stopped outbox, a topic that takes large batches, and ways to read its records and their headers."""

    outbox: Outbox
    topic: str
    read: Callable[[], Awaitable[list[Item]]]
    headers: Callable[[], Awaitable[list[Headers]]]


def in_memory() -> Case:
    """Return the outbox in memory."""
    outbox = MemoryOutbox(Settings().kafka)

    async def read() -> list[Item]:
        return outbox.logs.get(("lists", TOPIC_PARTITION), [])

    async def headers() -> list[Headers]:
        return outbox.headers.get(("lists", TOPIC_PARTITION), [])

    return Case(outbox, "lists", read, headers)


def on_kafka(settings: Settings, names: TopicNames) -> Case:
    """Return the outbox on a real broker."""

    async def read() -> list[Item]:
        items: list[Item] = []
        async for _, records in read_topic(settings.kafka, names.recommendations, 10, [TOPIC_PARTITION]):
            items += [(record.key, record.value) for record in records]
        return items

    async def headers() -> list[Headers]:
        reading = read_topic(settings.kafka, names.recommendations, 10, [TOPIC_PARTITION])
        return [tuple(record.headers) async for _, records in reading for record in records]

    return Case(Outbox(settings.kafka), names.recommendations, read, headers)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.processes)])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Give both, one after the other."""
    if request.param == "memory":
        yield in_memory()
    else:
        yield on_kafka(request.getfixturevalue("settings"), request.getfixturevalue("names"))


async def send(case: Case, *items: Item) -> Written:
    """Send records and wait until they are written."""
    return await (await case.outbox.send(case.topic, TOPIC_PARTITION, items)).written()


async def test_records_stand_in_order_at_the_offsets_told(case: Case) -> None:
    """Each send is one run of offsets behind the one before; a deletion travels as None."""
    async with case.outbox:
        first = await send(case, (b"a", b"1"))
        second = await send(case, (b"b", b"2"), (b"", None), ("ü".encode(), b""))

    assert Written(0, 0, unbroken=True) == first
    assert Written(1, 3, unbroken=True) == second
    assert [(b"a", b"1"), (b"b", b"2"), (b"", None), ("ü".encode(), b"")] == await case.read()


async def test_headers_stand_beside_their_records(case: Case) -> None:
    """Each record has its own, in their order, and none without any."""
    marks: list[Headers] = [(("a", b"1"), ("b", b"\xff"), ("a", b"")), (), (("c", b"3"),)]
    async with case.outbox:
        await (await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"v")] * 3, iter(marks))).written()
        await send(case, (b"k", b"v"))

    assert [*marks, ()] == await case.headers()


async def test_headers_count_for_the_size_of_a_record(case: Case) -> None:
    """And so does their number: a record of too large ones is refused."""
    async with case.outbox:
        with pytest.raises(ValueError, match=f"for {case.topic} is larger than 4,000,000 bytes"):
            await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"v")], [[("h", b"x" * 4_000_000)]])
        with pytest.raises(ValueError, match="zip"):
            await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"v")] * 2, [()])


async def test_sends_may_overlap(case: Case) -> None:
    """A group hands over all its topics before it waits for any; waiting twice tells the same."""
    async with case.outbox:
        pending = [await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"%d" % n)] * 2) for n in range(3)]
        last_first = [await batch.written() for batch in reversed(pending)]
        again = [await batch.written() for batch in pending]

    assert [Written(2 * n, 2 * n + 1, unbroken=True) for n in range(3)] == last_first[::-1] == again
    assert [b"0", b"0", b"1", b"1", b"2", b"2"] == [value for _, value in await case.read()]


async def test_many_bytes_are_one_run_of_offsets(case: Case) -> None:
    """More than a batch holds, more than a request holds: offsets are told from the first record to the last."""
    items: list[Item] = [(b"%d" % n, bytes([n % 256]) * 300_000) for n in range(40)]
    async with case.outbox:
        written = await send(case, *items)

    assert Written(0, 39, unbroken=True) == written
    assert items == await case.read()


async def test_one_record_may_be_larger_than_a_batch(case: Case) -> None:
    """The longest history fits, between two small records."""
    items: list[Item] = [(b"a", b"1"), (b"b", b"x" * 3_900_000), (b"c", b"3")]
    async with case.outbox:
        assert Written(0, 2, unbroken=True) == await send(case, *items)

    assert items == await case.read()


async def test_a_record_that_is_too_large_is_a_sentence(case: Case) -> None:
    """It is said before anything waits for an acknowledgement."""
    async with case.outbox:
        with pytest.raises(ValueError, match="is larger than") as caught:
            await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"x" * 4_000_000)])

    assert f"A record of 4,000,065 bytes for {case.topic} is larger than 4,000,000 bytes." == str(caught.value)


async def test_nothing_sent_has_no_place(case: Case) -> None:
    """An empty send is allowed; asking for its place is a mistake."""
    async with case.outbox:
        pending = await case.outbox.send(case.topic, TOPIC_PARTITION, [])
        with pytest.raises(ValueError, match=r"^An empty send has no place in a partition\.$"):
            await pending.written()

    assert [] == await case.read()


async def test_an_outbox_works_between_start_and_stop(case: Case) -> None:
    """Before and after, sending is a mistake; stopping twice is none."""
    with pytest.raises(RuntimeError, match=r"^The outbox is not started\.$"):
        await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"v")])

    async with case.outbox:
        await send(case, (b"k", b"v"))
    await case.outbox.stop()

    with pytest.raises(RuntimeError, match=r"^The outbox is not started\.$"):
        await case.outbox.send(case.topic, TOPIC_PARTITION, [(b"k", b"v")])
