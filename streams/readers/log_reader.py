"""Bounded reads of a topic, without a consumer group."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import ConsumerRecord

import streams.fetch.batches  # noqa: F401  batches that do not decode are values
from streams.connection.clients import Consumer, new_consumer
from streams.connection.rights import Right, describe_missing
from streams.connection.start import UnreachableError, start_client
from streams.fetch.unreadable_batch import UnreadableBatch, is_unreadable
from streams.settings.deployment import KafkaSettings

log = logging.getLogger(__name__)


class LogReadError(ConnectionError):
    """A topic could not be read. Check the broker, and run `playfold topics verify`."""


@asynccontextmanager
async def reader(
    kafka: KafkaSettings, timeout_s: float, *, committed_only: bool = False
) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect a consumer that belongs to no group.

    With `committed_only` it reads like a worker: no record of a transaction that is open or was aborted. The end of
    a partition is its last stable offset then.

    Raises:
        LogReadError: No broker answered within `timeout_s` seconds, or the brokers refuse the connection.
        CredentialsError: A file of the credentials cannot be used.
    """
    consumer = new_consumer(
        kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=100,
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        request_timeout_ms=int(timeout_s * 1000),
    )
    try:
        await start_client(consumer, kafka, timeout_s)
    except UnreachableError as error:
        raise LogReadError(str(error)) from error
    try:
        yield consumer
    finally:
        await consumer.stop()


def log_skipped(batch: UnreadableBatch) -> None:
    """Log a batch that a reader skips."""
    place = {"topic": batch.topic, "partition": batch.partition, "offset": batch.offset, "last": batch.last_offset}
    log.warning("batch_skipped", extra={**place, "reason": batch.reason})


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the partitions of a topic.

    Raises:
        LogReadError: The topic does not exist, or no right on it is granted.
    """
    await consumer._client.force_metadata_update()  # noqa: SLF001  the public call answers from an empty cache
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        await _check_describable(consumer, topic)
        message = f"Topic {topic} does not exist; `playfold topics create` makes it."
        raise LogReadError(message)
    return [TopicPartition(topic, partition) for partition in sorted(numbers)]


async def _check_describable(consumer: Consumer, topic: str) -> None:
    """Check that a topic is not hidden: Kafka leaves out topics without a right when it lists all.

    Raises:
        LogReadError: Any right on the topic is missing.
    """
    client = consumer._client  # noqa: SLF001  the consumer has no request about one topic
    request = MetadataRequest([topic], allow_auto_topic_creation=False)
    try:
        answer = await client.send(client.get_random_node(), request)
    except KafkaError as error:
        message = f"Kafka did not describe topic {topic}: {error!r}."
        raise LogReadError(message) from error
    if answer.topics[0][0] == TopicAuthorizationFailedError.errno:
        raise LogReadError(describe_missing(consumer.kafka, [Right("DESCRIBE", "topic", topic)]))


class Span(NamedTuple):
    """The offsets of a partition's records."""

    start: int
    """Offset of the first record."""
    end: int
    """The high watermark: the offset after the last record."""


async def spans_of(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Span]:
    """Return the present spans of partitions.

    Raises:
        LogReadError: Kafka does not answer.
    """
    try:
        starts = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
    except KafkaError as error:
        raise _no_offsets(consumer, partitions, error) from error
    return {tp: Span(starts[tp], ends[tp]) for tp in partitions}


def _no_offsets(consumer: Consumer, partitions: Collection[TopicPartition], error: KafkaError) -> LogReadError:
    """Return the error of partitions whose first and last offsets Kafka does not give."""
    topic = min(partitions).topic if partitions else "nothing"
    if isinstance(error, TopicAuthorizationFailedError):
        return LogReadError(describe_missing(consumer.kafka, [Right("DESCRIBE", "topic", topic)]))
    return LogReadError(f"Kafka did not say where {topic} begins and ends: {error!r}.")


async def read_span(
    consumer: AIOKafkaConsumer,
    ends: Mapping[TopicPartition, int],
    starts: Mapping[TopicPartition, int],
    timeout_s: float,
    skip: Callable[[UnreadableBatch], None] | None = None,
) -> AsyncIterator[tuple[int, Sequence[ConsumerRecord]]]:
    """Read partitions from their start offset up to, not including, their end offset; yield them with their records.

    Args:
        consumer: A consumer of `reader`.
        ends: The offset after the last requested record, per partition.
        starts: The first requested offset; a partition left out is read from its beginning.
        timeout_s: Seconds without any progress after which the read fails.
        skip: Called with a batch that does not decode, which is skipped; without it the read fails.

    Raises:
        LogReadError: Kafka sent nothing for `timeout_s` seconds, or a batch does not decode.
    """
    open_ends = await _seek_starts(consumer, ends, starts)
    loop = asyncio.get_running_loop()
    deadline, positions = loop.time() + timeout_s, dict[TopicPartition, int]()
    while open_ends:
        fetched = await _fetch(consumer, open_ends)
        for tp, records in fetched.items():
            if is_unreadable(records):
                _skip(records[0], open_ends[tp], skip)
            elif wanted := _before(records, open_ends[tp]):
                yield tp.partition, wanted
        reached = {tp: await consumer.position(tp) for tp in open_ends}
        if fetched or reached != positions:  # aborted and control records move a position, too
            deadline, positions = loop.time() + timeout_s, reached
        elif loop.time() > deadline:
            message = f"{min(open_ends).topic} gave no record for {timeout_s:g} s before its end was reached."
            raise LogReadError(message)
        for tp in [tp for tp, end in open_ends.items() if reached[tp] >= end]:
            del open_ends[tp]
            consumer.pause(tp)


async def _fetch(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
    """Fetch records.

    Raises:
        LogReadError: Kafka refuses.
    """
    try:
        fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(*partitions, timeout_ms=200)
    except KafkaError as error:
        message = f"{min(partitions).topic} cannot be read: {error!r}."
        raise LogReadError(message) from error
    return fetched


def _before(records: Sequence[ConsumerRecord], end: int) -> Sequence[ConsumerRecord]:
    """Return the records before an offset."""
    return records if records[-1].offset < end else [record for record in records if record.offset < end]


def _skip(batch: UnreadableBatch, end: int, skip: Callable[[UnreadableBatch], None] | None) -> None:
    """Skip a batch that does not decode.

    Raises:
        LogReadError: The batch is before the end, and the caller skips none.
    """
    if batch.offset >= end:
        return
    if skip is None:
        raise LogReadError(str(batch))
    skip(batch)


async def _seek_starts(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], starts: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Seek to the start of every partition; return the ends of the partitions with requested records.

    Raises:
        LogReadError: Kafka does not answer.
    """
    consumer.assign(list(ends))
    try:
        beginnings = await consumer.beginning_offsets(list(ends))
    except KafkaError as error:
        raise _no_offsets(consumer, list(ends), error) from error
    open_ends = dict(ends)
    for tp, end in ends.items():
        start = max(starts.get(tp, 0), beginnings[tp])
        consumer.seek(tp, start)
        if start >= end:
            del open_ends[tp]
            consumer.pause(tp)
    return open_ends


async def read_topic(
    kafka: KafkaSettings,
    topic: str,
    timeout_s: float,
    partitions: Sequence[int] | None = None,
    skip: Callable[[UnreadableBatch], None] | None = None,
) -> AsyncIterator[tuple[int, Sequence[ConsumerRecord]]]:
    """Read a topic, or some of its partitions, from the beginning to the present high watermark.

    Records of open and of aborted transactions are among them. `skip` is called with a batch that does not decode;
    without it the read fails at such a batch.
    """
    async with reader(kafka, timeout_s) as consumer:
        tps = await partitions_of(consumer, topic)
        wanted = [tp for tp in tps if partitions is None or tp.partition in partitions]
        ends = {tp: span.end for tp, span in (await spans_of(consumer, wanted)).items()}
        async for partition, records in read_span(consumer, ends, {}, timeout_s, skip):
            yield partition, records
