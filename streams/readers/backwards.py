"""Reads a partition from its end to its beginning, so that the latest records are first."""

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from streams.readers.log_reader import Span, log_skipped, read_span

FIRST_OFFSETS = 10_000
"""Length of the first range of offsets; every further range is twice as long as the one before it."""
OFFSETS_MAX = 320_000
"""Longest range: a read that is cancelled loses one range at most."""


class Range(NamedTuple):
    """The selected records of a range of offsets that was read to its end."""

    start: int
    """First offset of the range."""
    records: list[ConsumerRecord]
    """By ascending offset."""


async def read_backwards(
    consumer: AIOKafkaConsumer,
    tp: TopicPartition,
    span: Span,
    selects: Callable[[ConsumerRecord], bool],
    timeout_s: float,
) -> AsyncGenerator[Range, None]:
    """Read a partition range by range, the last range first. A batch that does not decode is logged and skipped.

    Args:
        consumer: A consumer of `reader`.
        tp: The partition.
        span: The offsets to read.
        selects: Returns True for the records to yield.
        timeout_s: Seconds without any record after which the read fails.

    Raises:
        LogReadError: Kafka sent nothing for `timeout_s` seconds.
    """
    end, length = span.end, FIRST_OFFSETS
    while end > span.start:
        start = max(span.start, end - length)
        selected: list[ConsumerRecord] = []
        async for _, records in read_span(consumer, {tp: end}, {tp: start}, timeout_s, log_skipped):
            selected += filter(selects, records)
        yield Range(start, selected)
        end, length = start, min(2 * length, OFFSETS_MAX)
