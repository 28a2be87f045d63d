"""The records of one key of a topic, read without a consumer group."""

from collections.abc import AsyncIterator

from aiokafka.structs import ConsumerRecord

from streams.partitioning import partition_of
from streams.readers.log_reader import read_topic
from streams.settings import Settings


async def records_under(topic: str, key: str, settings: Settings) -> AsyncIterator[ConsumerRecord]:
    """Yield the records of a key in order.

    The partition of the key is read from its beginning to the present high watermark.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    record_key, partition = key.encode(), partition_of(key, settings.topics.partitions)
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, [partition]):
        for record in records:
            if record.key == record_key:
                yield record


async def records_of(topic: str, key: str, settings: Settings) -> AsyncIterator[bytes | None]:
    """Yield the values of a key's records in order, None for a tombstone.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    async for record in records_under(topic, key, settings):
        yield record.value
