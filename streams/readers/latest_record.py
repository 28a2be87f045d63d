"""The records of one key of a topic, read without a consumer group.

All partitions are read: a producer with another partitioner writes a key to another partition than murmur2 would.
"""

from collections.abc import AsyncIterator, Callable

import msgspec
from aiokafka.structs import ConsumerRecord

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.readers.log_reader import read_topic
from streams.settings import Settings


def forms_of(key: str) -> frozenset[bytes]:
    """Return a key as it should be written, and as Kafka Connect's JsonConverter writes it.

    >>> sorted(forms_of("anna"))
    [b'"anna"', b'anna']
    """
    return frozenset((key.encode(), msgspec.json.encode(key)))


async def records_under(
    topic: str, key: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> AsyncIterator[tuple[int, ConsumerRecord]]:
    """Yield the records of a key, each with its partition; those of a partition come in order.

    Every partition is read from its beginning to the present high watermark. The JSON text of the key counts as the
    key: Kafka Connect's JsonConverter writes it so. `skip` is called with a batch that does not decode, which is
    skipped. Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    keys = forms_of(key)
    async for partition, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, skip=skip):
        for record in records:
            if record.key in keys:
                yield partition, record


async def latest_value(
    topic: str, key: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> bytes | None:
    """Return the value of the latest record of a key; None for a tombstone, or if there is no record.

    In a partition the record with the highest offset is the latest. Of several partitions, the time of these decides.
    `skip` is called with a batch that does not decode, which is skipped. Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    lasts = {partition: record async for partition, record in records_under(topic, key, settings, skip)}
    latest = max(lasts.values(), key=lambda record: record.timestamp, default=None)
    return None if latest is None else latest.value
