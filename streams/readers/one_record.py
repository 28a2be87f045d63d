"""Looks at one record of a partition."""

from collections.abc import Callable

from aiokafka import TopicPartition

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.readers.log_reader import log_skipped, read_span, reader, spans_of
from streams.settings import Settings


async def arrival_of(
    settings: Settings,
    topic: str,
    partition: int,
    offset: int,
    skip: Callable[[UnreadableBatch], None] = log_skipped,
) -> int | None:
    """Return when the record at an offset arrived, or the next readable one, in milliseconds since 1970.

    None: there is no such record. `skip` is called with a batch that does not decode.

    Raises:
        LogReadError: Kafka does not answer.
    """
    tp = TopicPartition(topic, partition)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        end = (await spans_of(consumer, [tp]))[tp].end
        if offset < 0 or offset >= end:
            return None
        async for _, records in read_span(consumer, {tp: end}, {tp: offset}, settings.kafka.timeout_s, skip):
            return int(records[0].timestamp)
    return None
