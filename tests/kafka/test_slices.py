"""Slices as Faust delivers them from a real Kafka, and the offsets that are committed behind them."""

import json
import subprocess
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.outbox import Item, Outbox
from streams.settings import Settings, environment_of, override
from streams.topics.topics import TopicNames

PROJECT = Path(__file__).parent.parent.parent
Group = list[tuple[int, list[int]]]


def take_groups(settings: Settings, expected: int, acknowledged: int) -> list[Group]:
    """Return the commit groups that a process took; it acknowledged them up to a number of plays."""
    command = [sys.executable, "-m", "tests.kafka.slice_reader", str(expected), str(acknowledged)]
    environment = environment_of(settings)
    ended = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, timeout=30, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith(b"[[")]


def offsets(groups: list[Group], partition: int) -> list[int]:
    """Return the offsets of a partition as they came."""
    return [offset for group in groups for number, of_slice in group if number == partition for offset in of_slice]


async def produce(settings: Settings, names: TopicNames, **counts: int) -> None:
    """Write records into partitions `p0`, `p1`, ..."""
    async with Outbox(settings.kafka) as outbox:
        for name, count in counts.items():
            items: list[Item] = [(b"k", b"%d" % number) for number in range(count)]
            await (await outbox.send(names.plays, int(name[1:]), items)).written()


async def committed(settings: Settings, names: TopicNames, partition: int) -> int | None:
    """Return the offset that the group has committed."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.brokers, group_id=settings.application.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        offset: int | None = await consumer.committed(TopicPartition(names.plays, partition))
        return offset
    finally:
        await consumer.stop()


async def test_every_record_is_delivered_once_and_in_order(settings: Settings, names: TopicNames) -> None:
    """In slices of bounded size, of all partitions; the offset behind the last acknowledged one is committed."""
    small = override(settings, slice_plays_max=100, group_plays_max=300)
    await produce(settings, names, p0=2501, p3=10)

    groups = take_groups(small, expected=2511, acknowledged=2511)

    assert list(range(2501)) == offsets(groups, 0)
    assert list(range(10)) == offsets(groups, 3)
    assert 100 == max(len(of_slice) for group in groups for _, of_slice in group)
    assert 300 >= max(sum(len(of_slice) for _, of_slice in group) for group in groups)
    assert 2501 == await committed(settings, names, 0)
    assert 10 == await committed(settings, names, 3)


async def test_what_was_not_acknowledged_is_delivered_again(settings: Settings, names: TopicNames) -> None:
    """The next start begins at the first slice whose group did not become durable."""
    small = override(settings, slice_plays_max=10, group_plays_max=10)
    await produce(settings, names, p1=100)

    first = take_groups(small, expected=100, acknowledged=50)
    assert list(range(100)) == offsets(first, 1)
    assert 50 == await committed(settings, names, 1)
    second = take_groups(small, expected=50, acknowledged=50)

    assert list(range(50, 100)) == offsets(second, 1)
    assert 100 == await committed(settings, names, 1)


def test_a_stop_in_a_rebalance_closes_the_client_where_its_sockets_are(settings: Settings, names: TopicNames) -> None:
    """In its own thread, or the process dies of a segmentation fault now and then; and it does not hang."""
    assert names
    command = [sys.executable, "-m", "tests.kafka.stop_in_rebalance"]

    ended = subprocess.run(
        command, cwd=PROJECT, env=environment_of(settings), stdout=subprocess.PIPE, timeout=60, check=True
    )
    report = json.loads(ended.stdout.splitlines()[-1])

    assert report["own_loop"] is True
    assert report["ended"] is True
    assert report["seconds"] < 10
