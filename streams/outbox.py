"""A producer of batches that awaits every acknowledgement."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from streams.settings.deployment import KafkaSettings

BATCH_BYTES_MAX = 1_000_000
"""Size at which a produce batch is sent; every topic of playfold takes batches of 1 MiB."""
RECORD_BYTES_MAX = 4_000_000
"""Largest single record; the topics whose records can be large take 2 or 4 MiB."""
RECORD_OVERHEAD_BYTES = 64

Item = tuple[bytes, bytes | None]


class OutboxError(ConnectionError):
    """Kafka did not acknowledge in time. Nothing is lost: the next start repeats the group. Check the broker."""


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

    def __init__(self, batches: Sequence[tuple[asyncio.Future[RecordMetadata], int]]) -> None:
        """Store the futures of batches in order, each with its number of records."""
        self._batches = batches

    async def written(self) -> Written:
        """Wait until Kafka has acknowledged every batch.

        Raises:
            KafkaError: The broker refused a batch.
        """
        first = expected = None
        unbroken = True
        for future, count in self._batches:
            base = (await future).offset
            first = base if first is None else first
            unbroken = unbroken and expected in (None, base)
            expected = base + count
        if first is None or expected is None:
            message = "An empty send has no place in a partition."
            raise ValueError(message)
        return Written(first, expected - 1, unbroken)


class Outbox:
    """A producer that sends whole lists to a partition: idempotent, acknowledged by all replicas."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Prepare a producer; nothing is sent before `start`."""
        self._timeout_s = kafka.timeout_s
        self._brokers = kafka.brokers
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect to the brokers.

        Raises:
            OutboxError: No broker answered.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._brokers,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=RECORD_BYTES_MAX,
            max_request_size=2 * RECORD_BYTES_MAX,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        try:
            await asyncio.wait_for(producer.start(), self._timeout_s)
        except (KafkaError, TimeoutError) as error:
            await producer.stop()
            message = f"No Kafka broker answered at {self._brokers} within {self._timeout_s:g} s: {error!r}."
            raise OutboxError(message) from error
        except BaseException:
            await producer.stop()
            raise
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

    async def send(self, topic: str, partition: int, items: Iterable[Item]) -> Pending:
        """Send keys and values to one partition, in order, in as few batches as possible.

        Raises:
            ValueError: A single record is larger than a batch can be.
        """
        producer = self._producer
        if producer is None:
            message = "The outbox is not started."
            raise RuntimeError(message)
        sent: list[tuple[asyncio.Future[RecordMetadata], int]] = []
        batch, count, room = producer.create_batch(), 0, BATCH_BYTES_MAX
        for key, value in items:
            size = len(key) + len(value or b"") + RECORD_OVERHEAD_BYTES
            if size > room and count:
                batch.close()
                sent.append((await producer.send_batch(batch, topic, partition=partition), count))
                batch, count, room = producer.create_batch(), 0, BATCH_BYTES_MAX
            # A batch accepts a first record of any size, so the size is checked here.
            if size > RECORD_BYTES_MAX or batch.append(key=key, value=value, timestamp=None) is None:
                message = f"A record of {size:,} bytes for {topic} is larger than {RECORD_BYTES_MAX:,} bytes."
                raise ValueError(message)
            count, room = count + 1, room - size
        if count:
            batch.close()
            sent.append((await producer.send_batch(batch, topic, partition=partition), count))
        return Pending(sent)
