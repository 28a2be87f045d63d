"""A producer of batches that awaits every acknowledgement."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from streams.connection.clients import new_producer
from streams.connection.rights import Right, describe_missing
from streams.connection.start import UnreachableError, start_client
from streams.settings.deployment import KafkaSettings
from streams.topics.topics import BATCH_BYTES_MAX

RECORD_BYTES_MAX = 4_000_000
"""Largest single record; the topics whose records can be large take 2 or 4 MiB."""
RECORD_OVERHEAD_BYTES = 64

Item = tuple[bytes, bytes | None]
Headers = Sequence[tuple[str, bytes]]
_NO_HEADERS: Headers = ()


class OutboxError(ConnectionError):
    """Kafka did not acknowledge in time. Nothing is lost: the next start repeats the group. Check the broker."""


class UnacknowledgedError(OutboxError):
    """Kafka may have the records or not. Check the broker, and send them again where twice is harmless."""


class Written(NamedTuple):
    """The offsets of the records of one send."""

    first: int
    """Offset of the first record."""
    last: int
    """Offset of the last record."""
    unbroken: bool
    """Whether the offsets are consecutive, so that no other producer wrote in between."""


class Pending:
    """Batches in flight to one partition."""

    def __init__(
        self,
        batches: Sequence[tuple[asyncio.Future[RecordMetadata], int]],
        failed: Callable[[Exception], OutboxError],
        timeout_s: float,
    ) -> None:
        """Store the futures of batches in order, each with its number of records.

        Args:
            batches: The batches.
            failed: Makes the error of a failure.
            timeout_s: Seconds until all batches have to be acknowledged.
        """
        self._batches, self._failed, self._timeout_s = batches, failed, timeout_s
        for future, _ in batches:  # of a group that fails only the first error is awaited and told
            future.add_done_callback(_look_at_error)

    async def written(self) -> Written:
        """Wait until Kafka has acknowledged every batch.

        Raises:
            UnacknowledgedError: The broker refused a batch, or did not answer in time.
            OutboxError: The right to write to the topic is missing.
        """
        try:
            if all(future.done() for future, _ in self._batches):  # most of a group, once its first are acknowledged
                bases = await self._offsets()
            else:
                async with asyncio.timeout(self._timeout_s):
                    bases = await self._offsets()
        except (KafkaError, TimeoutError) as error:
            raise self._failed(error) from error
        first = expected = None
        unbroken = True
        for base, (_, count) in zip(bases, self._batches, strict=True):
            first = base if first is None else first
            unbroken = unbroken and expected in (None, base)
            expected = base + count
        if first is None or expected is None:
            message = "An empty send has no place in a partition."
            raise ValueError(message)
        return Written(first, expected - 1, unbroken)

    async def _offsets(self) -> list[int]:
        """Return the offset of the first record of every batch."""
        return [(await future).offset for future, _ in self._batches]


def _look_at_error(done: asyncio.Future[RecordMetadata]) -> None:
    """Keep asyncio from logging an error that nobody awaits, from within the garbage collection of any other code."""
    if not done.cancelled():
        done.exception()


class Outbox:
    """A producer that sends whole lists to a partition: idempotent, acknowledged by all replicas."""

    def __init__(self, kafka: KafkaSettings, topic: str = "") -> None:
        """Prepare a producer; nothing is sent before `start`.

        Args:
            kafka: The brokers and their security.
            topic: The topic that an error names if the right to write is missing altogether.
        """
        self._timeout_s, self._topic = kafka.timeout_s, topic
        self._kafka = kafka
        self._compression = None if kafka.compression == "none" else kafka.compression
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect to the brokers.

        Raises:
            OutboxError: No broker answered, or the brokers refuse the connection.
            CredentialsError: A file of the credentials cannot be used.
        """
        producer = new_producer(
            self._kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            compression_type=self._compression,
            max_batch_size=RECORD_BYTES_MAX,
            max_request_size=2 * RECORD_BYTES_MAX,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        try:
            await start_client(producer, self._kafka, self._timeout_s)
        except UnreachableError as error:
            if is_refusal(error):
                raise self._refused(self._topic or "<any>") from error
            raise OutboxError(str(error)) from error
        self._producer = producer

    async def stop(self, patience_s: float | None = None) -> None:
        """Send pending batches and disconnect.

        Args:
            patience_s: Seconds after which unacknowledged batches are dropped, so that a lost Kafka does not block the
                process; the setting `kafka_timeout_s` if left out.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            return
        stopping = asyncio.create_task(producer.stop())
        await asyncio.wait({stopping}, timeout=self._timeout_s if patience_s is None else patience_s)
        if not stopping.done():
            producer._sender.sender_task.cancel()  # noqa: SLF001  stop() waits for it without a bound
        await stopping

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Disconnect; after an error, without waiting for pending batches."""
        await self.stop(None if kind is None else 0.0)

    async def send(
        self, topic: str, partition: int, items: Iterable[Item], headers: Iterable[Headers] | None = None
    ) -> Pending:
        """Send keys and values to one partition, in order, in as few batches as possible.

        Args:
            topic: The topic.
            partition: Its partition.
            items: The records.
            headers: The headers of each record; none if left out.

        Raises:
            ValueError: A single record is larger than a batch can be.
            OutboxError: Kafka does not answer, or the right to write to the topic is missing.
        """
        producer = self._producer
        if producer is None:
            message = "The outbox is not started."
            raise RuntimeError(message)
        sent: list[tuple[asyncio.Future[RecordMetadata], int]] = []
        batch, count, room = producer.create_batch(), 0, BATCH_BYTES_MAX
        headed = zip(items, repeat(_NO_HEADERS)) if headers is None else zip(items, headers, strict=True)
        for (key, value), marks in headed:
            size = record_bytes(key, value, marks)
            if size > room and count:
                batch.close()
                sent.append((await self._send_batch(producer, batch, topic, partition), count))
                batch, count, room = producer.create_batch(), 0, BATCH_BYTES_MAX
            # A batch accepts a first record of any size, so the size is checked here.
            listed = list(marks) if marks else []
            if size > RECORD_BYTES_MAX or batch.append(key=key, value=value, timestamp=None, headers=listed) is None:
                message = f"A record of {size:,} bytes for {topic} is larger than {RECORD_BYTES_MAX:,} bytes."
                raise ValueError(message)
            count, room = count + 1, room - size
        if count:
            batch.close()
            sent.append((await self._send_batch(producer, batch, topic, partition), count))
        return Pending(sent, partial(self._failed, topic), self._timeout_s)

    async def send_headed(
        self, topic: str, partition: int, item: tuple[bytes | None, bytes | None], headers: Headers
    ) -> Pending:
        """Send one record with headers, in a batch with its neighbours.

        Raises:
            OutboxError: Kafka does not answer, or the right to write to the topic is missing.
        """
        producer = self._producer
        if producer is None:
            message = "The outbox is not started."
            raise RuntimeError(message)
        key, value = item
        try:
            sent = await producer.send(topic, value, key, partition, headers=list(headers))
        except KafkaError as error:
            raise self._failed(topic, error) from error
        return Pending([(sent, 1)], partial(self._failed, topic), self._timeout_s)

    async def _send_batch(
        self, producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
    ) -> asyncio.Future[RecordMetadata]:
        """Send a closed batch.

        Raises:
            OutboxError: Kafka does not answer, or the right to write to the topic is missing.
        """
        try:
            sent: asyncio.Future[RecordMetadata] = await producer.send_batch(batch, topic, partition=partition)
        except KafkaError as error:
            raise self._failed(topic, error) from error
        return sent

    def _failed(self, topic: str, error: Exception) -> OutboxError:
        """Return the error of a failure, in a sentence."""
        if is_refusal(error):
            return self._refused(topic)
        fault = f"did not take records of {topic} ({error!r}); it may have some of them all the same."
        if isinstance(error, MessageSizeTooLargeError):
            fault += " The topic takes smaller batches only: raise its max.message.bytes."
        if isinstance(error, TimeoutError | KafkaTimeoutError | RequestTimedOutError):
            fault = (
                f"did not acknowledge records of {topic} within {self._timeout_s:g} s ({error!r}); "
                "it may have them all the same."
            )
        return UnacknowledgedError(f"Kafka at {self._kafka.brokers} {fault}")

    def _refused(self, topic: str) -> OutboxError:
        return OutboxError(describe_missing(self._kafka, [Right("WRITE", "topic", topic)]))


def record_bytes(key: bytes, value: bytes | None, headers: Headers) -> int:
    """Return about how many bytes a record takes in a batch.

    >>> record_bytes(b"anna", b"{}", [("trace", b"17")])
    77
    """
    size = len(key) + len(value or b"") + RECORD_OVERHEAD_BYTES
    return size + sum(len(name) + len(mark) for name, mark in headers) if headers else size


def is_refusal(error: Exception) -> bool:
    """Return whether a right is missing; without any right to write, an idempotent producer gets no id either."""
    refusals = TopicAuthorizationFailedError, ClusterAuthorizationFailedError
    return isinstance(error, refusals) or isinstance(error.__cause__, refusals)
