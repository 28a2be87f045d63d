"""Transactional producers: committed plays alone are learnt, and nothing waits for control records."""

import asyncio
import re
from collections.abc import Iterator
from itertools import count

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from jobs.doctor.doctor import Doctor
from jobs.doctor.finding import Finding
from jobs.user_requests.send import RequestTimeoutError, send_and_wait
from streams.messages.events import Pause
from streams.partitioning import partition_of
from streams.readers.log_reader import partitions_of, read_topic, reader, spans_of
from streams.readers.open_transactions import find_open_transactions
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.test_codecs import lag, plays_by_user
from tests.support.foreign import Sending, send_by_java, send_in, transactional
from tests.support.plays import play_record
from tests.support.topics import send, worker
from tests.support.wait import block_until

ROUNDS = 60


def partition(settings: Settings, user: str) -> int:
    """Return the partition of a user."""
    return partition_of(user, settings.topics.partitions)


async def transact(
    producer: AIOKafkaProducer, settings: Settings, topic: str, user: str, *items: str, end: str
) -> None:
    """Send plays of a user in one transaction, and end it or not."""
    await producer.begin_transaction()
    await send_in(producer, topic, partition(settings, user), [play_record(user, item) for item in items])
    if end == "commit":
        await producer.commit_transaction()
    elif end == "abort":
        await producer.abort_transaction()


def transactions(settings: Settings, topic: str, user: str, *ends: str) -> None:
    """Send a transaction of two plays for each of the ends."""

    async def run() -> None:
        async with transactional(settings, f"{topic}-{user}") as producer:
            for number, end in enumerate(ends):
                await transact(producer, settings, topic, user, f"{end}{number}", f"{end}{number}b", end=end)

    asyncio.run(run())


def test_aborted_plays_are_not_learnt_and_the_lag_becomes_0(settings: Settings, names: TopicNames) -> None:
    """With aiokafka's and with Java's producer; a partition of control records and aborted plays alone ends, too."""
    with worker(settings) as process:
        transactions(settings, names.plays, "ann", "commit", "abort", "commit", "abort")
        transactions(settings, names.plays, "ben", "abort")
        committed = Sending([play_record("java", "i1")], "zstd", "commit")
        send_by_java(settings, names.plays, committed, Sending([play_record("java", "i2")], "lz4", "abort"))
        block_until(lambda: lag(settings) == 0, 20)
        block_until(lambda: plays_by_user(settings) == {"ann": 4, "java": 1}, 20)
        assert process.running


def test_a_worker_that_starts_behind_control_records_has_no_lag(settings: Settings, names: TopicNames) -> None:
    """Its committed offset is behind them, or it moves there."""
    with worker(settings):
        transactions(settings, names.plays, "ann", "commit")
        block_until(lambda: lag(settings) == 0, 20)
    transactions(settings, names.plays, "ann", "abort", "abort")
    assert 6 == lag(settings)

    with worker(settings):
        block_until(lambda: lag(settings) == 0, 20)
        send(settings, [play_record("ann", "i9")])
        block_until(lambda: plays_by_user(settings) == {"ann": 3}, 20)
        block_until(lambda: lag(settings) == 0, 20)


def examined(settings: Settings) -> Finding:
    """Return the finding of the doctor about the lag."""
    return next(one for one in asyncio.run(Doctor(settings).examine()) if one.check == "lag")


async def test_an_open_transaction_is_named(settings: Settings, names: TopicNames) -> None:
    """With its partition, the offset that it holds, its producer and since when; plays behind it are learnt later."""
    held = partition(settings, "ann")
    with worker(settings):
        async with transactional(settings, names.plays) as producer:
            await transact(producer, settings, names.plays, "ann", "i1", end="commit")
            await transact(producer, settings, names.plays, "ann", "i2", end="open")
            await asyncio.to_thread(send, settings, [play_record("ann", "i3")])
            await asyncio.to_thread(block_until, lambda: plays_by_user(settings) == {"ann": 1}, 20)

            (transaction,) = await find_open_transactions(names.plays, settings)
            finding = await asyncio.to_thread(examined, settings)

            assert [held, 2, 2] == [transaction.partition, transaction.offset, transaction.n_waiting]
            assert "warning" == finding.verdict
            assert re.search(
                rf"A transaction of producer \d+, open since \S+ \S+ UTC, holds partition {held} of "
                rf"{re.escape(names.plays)} at offset 2: 2 records wait for its end\.",
                finding.says,
            )
            assert f"abort --topic {names.plays} --partition {held} --start-offset 2`" in finding.do
            assert 2 == await asyncio.to_thread(lag, settings)
            await producer.abort_transaction()
        await asyncio.to_thread(block_until, lambda: plays_by_user(settings) == {"ann": 2}, 20)
        await asyncio.to_thread(block_until, lambda: lag(settings) == 0, 20)
    assert [] == await find_open_transactions(names.plays, settings)


async def test_a_request_behind_an_open_transaction_says_so(settings: Settings, names: TopicNames) -> None:
    """It is queued, and no worker can read it."""
    async with transactional(settings, names.plays) as producer:
        await transact(producer, settings, names.plays, "ann", "i1", end="open")

        with pytest.raises(RequestTimeoutError) as caught:
            await send_and_wait(Pause(user_id="ann"), override(settings, kafka_timeout_s=3))

        assert " A transaction, open since " in str(caught.value)
        assert str(caught.value).endswith("It is processed as soon as the transaction has ended.")


async def test_a_bounded_read_ends_behind_control_records(settings: Settings, names: TopicNames) -> None:
    """It has the records that a worker reads, or all records."""
    number = partition(settings, "ann")
    async with transactional(settings, names.plays) as producer:
        for end in ("commit", "abort"):
            await transact(producer, settings, names.plays, "ann", end, end=end)

    everything = [part async for _, part in read_topic(settings.kafka, names.plays, 5, [number])]
    async with reader(settings.kafka, 5, committed_only=True) as consumer:
        await partitions_of(consumer, names.plays)
        spans = await spans_of(consumer, [TopicPartition(names.plays, number)])

    assert [0, 2] == [record.offset for part in everything for record in part]
    assert [4] == [span.end for span in spans.values()]


async def test_transactions_count_exactly_through_rebalances_and_a_kill(settings: Settings, names: TopicNames) -> None:
    """Two workers come and go, and one is killed, while transactions end by turns: each committed play counts once."""
    numbers = range(settings.topics.partitions)
    users = [next(user for user in made_up_users() if partition(settings, user) == number) for number in numbers]
    quick = override(settings, session_timeout_s=2.0, user_signals_per_day_max=0)

    async def produce() -> None:
        for number in range(ROUNDS):
            end = "commit" if number % 3 else "abort"
            async with asyncio.timeout(20):
                for user in users:
                    items = [f"{end}-{number}-{at}" for at in range(5)]
                    await transact(producer, settings, names.plays, user, *items, end=end)

    async with transactional(settings, names.plays) as producer:
        producing = asyncio.create_task(produce())
        with worker(quick) as first:
            await asyncio.to_thread(block_until, lambda: sum(plays_by_user(settings).values()) > 20, 20)
            with worker(override(quick, instance="b")) as second:
                await asyncio.to_thread(block_until, lambda: sum(plays_by_user(settings).values()) > 60, 30)
                second.child.kill()
            await asyncio.to_thread(block_until, lambda: sum(plays_by_user(settings).values()) > 80, 30)
            with worker(override(quick, instance="c")):
                await producing
            await asyncio.to_thread(block_until, lambda: lag(settings) == 0, 30)
            assert first.running

    committed = 5 * sum(number % 3 > 0 for number in range(ROUNDS))
    assert dict.fromkeys(users, committed) == await asyncio.to_thread(plays_by_user, settings)


def made_up_users() -> Iterator[str]:
    """Yield ids of users."""
    return (f"u{number}" for number in count())
