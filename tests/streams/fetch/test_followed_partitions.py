"""Followed partitions, with a consumer that fails as aiokafka's does."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import ConsumerStoppedError, TopicAuthorizationFailedError, UnsupportedCodecError
from aiokafka.structs import TopicPartition

from streams.connection.rights import MissingRightError
from streams.fetch.followed_partitions import POSITION_S, RETRY_S, FollowedPartitions
from streams.fetch.unreadable_batch import UnreadableBatch, is_unreadable
from streams.fetch.unreadable_places import UnreadablePlaces
from tests.support.clock import StepClock
from tests.support.deliveries import Delivered
from tests.support.virtual_time import now_s

A, B, C = (TopicPartition("lists", number) for number in range(3))


class Consumer:
    """Moves the positions of healthy partitions, and drops their records if another one fails."""

    def __init__(self, logs: dict[TopicPartition, list[Any]]) -> None:
        """Hold the records of partitions; an exception among them is raised."""
        self.logs = logs
        self.positions: dict[TopicPartition, int] = {}
        self.hidden: set[int] = set()

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Move."""
        self.positions[tp] = offset

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Return the partitions that Kafka describes."""
        return {tp.partition for tp in self.logs if tp.topic == topic} - self.hidden or None

    async def position(self, tp: TopicPartition) -> int:
        """Return the position."""
        return self.positions[tp]

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int, max_records: int | None
    ) -> dict[TopicPartition, Any]:
        """Return one record of each partition."""
        assert timeout_ms
        assert max_records is None
        fetched, failed = {}, None
        for tp in tps:
            rest = self.logs[tp][self.positions[tp] :]
            if rest and isinstance(rest[0], Exception):
                failed = rest[0]
            elif rest:
                fetched[tp] = rest[:1]
                self.positions[tp] = rest[0].last_offset + 1 if is_unreadable(rest) else rest[0].offset + 1
        if failed is not None:
            raise failed
        return fetched


def log(n: int) -> list[Any]:
    """Return records."""
    return [Delivered(offset, b"k", b"%d" % offset) for offset in range(n)]


async def rounds(followed: FollowedPartitions, n: int) -> list[tuple[int, int]]:
    """Return partition and offset of the records that some fetches took in."""
    return [(tp.partition, records[0].offset) for _ in range(n) async for tp, records in followed.fetch(10)]


async def test_a_partition_that_fails_does_not_stop_the_others() -> None:
    """Their records come once and in order, although aiokafka has moved their positions."""
    consumer = Consumer({A: log(3), B: [UnsupportedCodecError("no codec")], C: log(2)})
    followed = FollowedPartitions(consumer, dict.fromkeys((A, B, C), 0))

    taken = await rounds(followed, 10)

    assert [0, 1, 2] == [offset for partition, offset in taken if partition == 0]
    assert [0, 1] == [offset for partition, offset in taken if partition == 2]
    assert {A: 3, B: 0, C: 2} == followed.places
    assert ["lists, partition 1, from offset 0 on: UnsupportedCodecError: no codec"] == followed.unreadable.describe()


async def test_a_partition_that_fails_is_tried_again() -> None:
    """It goes on where it was once its fetch succeeds, and is unreadable no longer."""
    clock = StepClock(0.0)
    logs: dict[TopicPartition, list[Any]] = {A: log(1), B: [*log(1), TopicAuthorizationFailedError("lists")]}
    followed = FollowedPartitions(Consumer(logs), {A: 0, B: 0}, clock=clock)
    await rounds(followed, 6)
    assert followed.unreadable.is_blocked(B)
    logs[B] = log(2)
    assert [] == await rounds(followed, 3)

    clock.now_s += RETRY_S

    assert [(1, 1)] == await rounds(followed, 3)
    assert [] == followed.unreadable.describe()


async def test_an_idle_partition_is_readable_again_without_a_record() -> None:
    """Its fetch has not failed for a while."""
    clock = StepClock(0.0)
    logs: dict[TopicPartition, list[Any]] = {A: [TopicAuthorizationFailedError("lists")]}
    followed = FollowedPartitions(Consumer(logs), {A: 0}, clock=clock)
    await rounds(followed, 1)
    logs[A] = []
    clock.now_s += RETRY_S
    await rounds(followed, 1)
    assert followed.unreadable.is_blocked(A)

    clock.now_s += RETRY_S
    await rounds(followed, 1)

    assert not followed.unreadable.is_blocked(A)


async def test_a_missing_right_on_a_topic_does_not_stop_the_others() -> None:
    """A reader that reports its places goes on without the topic, until the right is granted."""
    clock, unreadable = StepClock(0.0), UnreadablePlaces()
    logs: dict[TopicPartition, list[Any]] = {A: log(2), B: [MissingRightError("grant READ.")]}
    followed = FollowedPartitions(Consumer(logs), {A: 0, B: 0}, unreadable, clock)

    assert [(0, 0), (0, 1)] == await rounds(followed, 10)

    assert ["lists, partition 1, from offset 0 on: grant READ"] == unreadable.describe()
    logs[B] = log(1)
    clock.now_s += RETRY_S
    assert [(1, 0)] == await rounds(followed, 3)
    assert 0 == len(unreadable)


async def test_a_reader_that_reports_no_places_raises_a_missing_right() -> None:
    """It would wait without end, and say nothing."""
    followed = FollowedPartitions(Consumer({A: [MissingRightError("grant READ.")]}), {A: 0})

    with pytest.raises(MissingRightError, match="grant READ"):
        await rounds(followed, 1)


async def test_a_topic_that_kafka_does_not_describe_stays_blocked() -> None:
    """Aiokafka fetches nothing of it and raises nothing, which looks like an idle partition."""
    clock = StepClock(0.0)
    logs: dict[TopicPartition, list[Any]] = {A: [TopicAuthorizationFailedError("lists")]}
    consumer = Consumer(logs)
    followed = FollowedPartitions(consumer, {A: 0}, clock=clock)
    await rounds(followed, 1)
    logs[A], consumer.hidden = [], {0}
    for _ in range(4):
        clock.now_s += RETRY_S
        await rounds(followed, 1)
    assert followed.unreadable.is_blocked(A)

    consumer.hidden = set()
    await rounds(followed, 1)

    assert not followed.unreadable.is_blocked(A)


async def test_a_reader_that_fails_takes_the_same_records_in_again() -> None:
    """Records count as taken in once the reader asks for the next ones."""
    followed = FollowedPartitions(Consumer({A: log(2)}), {A: 0})

    async def fail() -> None:
        async for _ in followed.fetch(10):
            message = "the disk is full"
            raise OSError(message)

    with pytest.raises(OSError, match="disk"):
        await fail()

    assert [(0, 0), (0, 1)] == await rounds(followed, 2)


async def test_a_batch_that_does_not_decode_is_skipped_and_reported() -> None:
    """The stream goes on behind it."""
    bad = UnreadableBatch("lists", 0, 0, 4, 5, "no codec", b"", 0)
    consumer = Consumer({A: [bad, *[None] * 4, *log(6)[5:]]})
    followed = FollowedPartitions(consumer, {A: 0})
    assert [] == await rounds(followed, 1)
    assert {A: 5} == followed.places

    assert [(0, 5)] == await rounds(followed, 1)
    assert ["lists, partition 0, offsets 0 to 4: no codec"] == followed.unreadable.describe()


async def test_a_closed_consumer_is_an_error() -> None:
    """Nobody waits for it for ever."""
    followed = FollowedPartitions(Consumer({A: [ConsumerStoppedError()]}), {A: 0})

    with pytest.raises(ConsumerStoppedError):
        await rounds(followed, 1)


class Cut(Consumer):
    """A consumer of a log that has lost its end: aiokafka goes to its beginning then."""

    def cut(self, tp: TopicPartition, records: list[Any]) -> None:
        """Let a log be that of another leader, which ends before the position."""
        self.logs[tp] = records
        self.positions[tp] = 0


async def test_a_partition_that_lost_its_end_is_read_again() -> None:
    """Its unreadable places are those of records that are gone, and the caller is told."""
    consumer, unreadable = Cut({A: log(3), B: log(5)}), UnreadablePlaces()
    rewound: list[tuple[TopicPartition, int]] = []
    followed = FollowedPartitions(
        consumer, {A: 0, B: 0}, unreadable, on_rewound=lambda tp, place: rewound.append((tp, place))
    )
    await rounds(followed, 3)
    unreadable.skip(UnreadableBatch("lists", 0, 1, 1, None, "the checksum is wrong", b"", 0))
    unreadable.skip(UnreadableBatch("lists", 1, 1, 1, None, "the checksum is wrong", b"", 0))
    consumer.cut(A, log(1))

    assert [(0, 0), (1, 3)] == await rounds(followed, 1)

    assert {A: 1, B: 4} == followed.places
    assert [(A, 0)] == rewound
    assert ["lists, partition 1, offsets 1 to 1: the checksum is wrong"] == unreadable.describe()


async def test_a_partition_that_lost_everything_has_its_place_at_the_beginning() -> None:
    """A caller that waits for the end must not take the old place for it."""
    consumer = Cut({A: log(3)})
    followed = FollowedPartitions(consumer, {A: 0})
    await rounds(followed, 3)
    consumer.cut(A, [])

    assert [] == await rounds(followed, 1)

    assert {A: 0} == followed.places


class LookingUp(Consumer):
    """Does not know the positions of some partitions, and Kafka does not tell them."""

    unknown = frozenset({A, C})

    async def position(self, tp: TopicPartition) -> int:
        """Return the position, or wait for it."""
        if tp in self.unknown:
            await asyncio.Event().wait()
        return self.positions[tp]


@pytest.mark.virtual_time
async def test_a_position_that_is_not_known_keeps_its_place() -> None:
    """The fetch waits a bounded time for each, and takes the positions of the others."""
    consumer = LookingUp({A: [], B: log(3), C: []})
    followed = FollowedPartitions(consumer, dict.fromkeys((A, B, C), 0))
    fetched = [tp async for tp, _ in followed.fetch(1)]
    consumer.positions[B] = 3
    fetched += [tp async for tp, _ in followed.fetch(1)]

    assert [B] == fetched
    assert {A: 0, B: 3, C: 0} == followed.places
    assert 4 * POSITION_S == now_s()
