"""Transactions that are open on a topic: consumers of committed records stop before them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.connection.rights import MissingRightError
from streams.fetch.unreadable_batch import UnreadableBatch, is_unreadable
from streams.process.format_text import format_moment, pluralize
from streams.readers.log_reader import LogReadError, log_skipped, partitions_of, reader
from streams.settings import Settings

FIRST_RECORD_S = 2.0
"""Longest wait for the first record of a transaction, whose timestamp says since when it is open."""


class OpenTransaction(NamedTuple):
    """The earliest open transaction of a partition."""

    topic: str
    partition: int
    offset: int
    """The last stable offset: its first record, before which consumers of committed records stop."""
    n_waiting: int
    """Records from there on, of this transaction and of others."""
    since_ms: int | None
    """Timestamp of its first record in milliseconds since 1970; None if it could not be read."""
    producer_id: int | None = None

    def __str__(self) -> str:
        """Return a sentence."""
        producer = "" if self.producer_id is None else f" of producer {self.producer_id}"
        since = "" if self.since_ms is None else f", open since {utc_time(self.since_ms)},"
        waits = f"{pluralize(self.n_waiting, 'record')} wait{'s' if self.n_waiting == 1 else ''} for its end"
        return (
            f"A transaction{producer}{since} holds partition {self.partition} of {self.topic} at offset {self.offset}: "
            f"{waits}."
        )


def utc_time(at_ms: int) -> str:
    """Return a time.

    >>> utc_time(0)
    '1970-01-01 00:00:00 UTC'
    """
    return f"{format_moment(at_ms)} UTC"


async def find_open_transactions(
    topic: str,
    settings: Settings,
    partitions: Sequence[int] | None = None,
    skip: Callable[[UnreadableBatch], None] = log_skipped,
) -> list[OpenTransaction]:
    """Return the earliest open transaction of each partition that has one.

    Args:
        topic: The topic.
        settings: The cluster and its time-out.
        partitions: Numbers of partitions; all if left out.
        skip: Called with a first batch of a transaction that does not decode, so that its time is unknown.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    kafka = settings.kafka
    async with (
        reader(kafka, kafka.timeout_s) as consumer,
        reader(kafka, kafka.timeout_s, committed_only=True) as stable,
    ):
        tps = [tp for tp in await partitions_of(consumer, topic) if partitions is None or tp.partition in partitions]
        try:
            ends = await consumer.end_offsets(tps)  # first: a transaction may end between the two requests
            stable_ends = await stable.end_offsets(tps)
        except KafkaError as error:
            message = f"Kafka did not say where {topic} ends: {error!r}."
            raise LogReadError(message) from error
        held = {tp: stable_ends[tp] for tp, end in ends.items() if stable_ends[tp] < end}
        return [
            OpenTransaction(topic, tp.partition, offset, ends[tp] - offset, await _time_of(consumer, tp, offset, skip))
            for tp, offset in held.items()
        ]


async def _time_of(
    consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, skip: Callable[[UnreadableBatch], None]
) -> int | None:
    """Return the timestamp of the record at an offset, None if it does not arrive in time."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    try:
        async with asyncio.timeout(FIRST_RECORD_S):
            while not (records := (await consumer.getmany(timeout_ms=200, max_records=1)).get(tp)):
                pass
    except (TimeoutError, KafkaError, MissingRightError):  # it takes the right to read; the rest is known without
        return None
    if is_unreadable(records):
        skip(records[0])
        return None
    return int(records[0].timestamp)
