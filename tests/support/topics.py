"""Records that tests write to topics and read from them, and a worker between them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import msgspec
from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from cli.processes import WorkerProcess
from streams.messages.records import Recommendations, RejectedPlay
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.readers.lag import lag_of
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.admin import create_topics
from streams.topics.topics import topic_names
from tests.support.forked_services import ForkedWorker
from tests.support.made_up import produce_plays
from tests.support.patience import stretched
from tests.support.wait import block_until

READY_S = 60.0
FOLDED_S = 60.0


@contextmanager
def worker(
    settings: Settings, process_of: Callable[[Settings], WorkerProcess] = ForkedWorker
) -> Iterator[WorkerProcess]:
    """Run a worker that is ready, forked unless told otherwise."""
    process = process_of(settings)
    process.start()
    try:
        process.await_ready(stretched(READY_S))
        yield process
    finally:
        process.stop()


def send(settings: Settings, plays: Sequence[Item]) -> None:
    """Send records to the plays."""

    async def produce() -> None:
        async with Outbox(settings.kafka) as outbox:
            await produce_plays(outbox, settings, plays)

    asyncio.run(produce())


def grow_topic(settings: Settings, topic: str, partitions: int) -> None:
    """Give a topic more partitions; a broker applies the change after Kafka has acknowledged it."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        admin.create_partitions({topic: partitions})
        block_until(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == partitions)


def delete(settings: Settings, *topics: str) -> None:
    """Delete topics, and wait until they are gone."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        admin.delete_topics(list(topics))
        block_until(lambda: not set(topics) & set(admin.list_topics()), 20)


def remake(settings: Settings, *topics: str) -> None:
    """Delete topics and make them again, empty."""
    delete(settings, *topics)

    def made() -> bool:
        try:
            return set(create_topics(settings)) == set(topics)
        except UnknownTopicOrPartitionError:
            return False

    block_until(made, 20)


def await_folded(settings: Settings) -> None:
    """Wait until workers have folded and committed every play that Kafka has."""

    async def waiting() -> int:
        async with lag_of(settings) as lag:
            return await lag.plays()

    block_until(lambda: not asyncio.run(waiting()), FOLDED_S)


def write(settings: Settings, topic: str, items: list[Item]) -> None:
    """Write records to a compacted topic, each to the partition of its key."""

    async def send() -> None:
        async with Outbox(settings.kafka) as outbox:
            for partition in range(settings.topics.partitions):
                mine = [
                    item for item in items if partition_of(item[0].decode(), settings.topics.partitions) == partition
                ]
                if mine:
                    await (await outbox.send(topic, partition, mine)).written()

    asyncio.run(send())


def values(settings: Settings, topic: str) -> list[tuple[bytes, bytes]]:
    """Return keys and values of a topic."""

    async def read() -> list[tuple[bytes, bytes]]:
        reading = read_topic(settings.kafka, topic, 10)
        return [(record.key, record.value) async for _, records in reading for record in records]

    return asyncio.run(read())


def lists(settings: Settings) -> dict[str, Recommendations]:
    """Return every user's latest list."""
    records = values(settings, topic_names(settings).recommendations)
    return {key.decode(): msgspec.json.decode(value, type=Recommendations) for key, value in records}


def rejects(settings: Settings) -> list[RejectedPlay]:
    """Return the rejected plays."""
    records = values(settings, topic_names(settings).plays_rejected)
    return [msgspec.json.decode(value, type=RejectedPlay) for _, value in records]
