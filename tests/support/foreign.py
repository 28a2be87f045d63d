"""Other people's producers: librdkafka, Java's own, and transactional ones; and damage on a broker's disk."""

import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer

from streams.kafka.java import JVM_FLAGS
from streams.outbox import Item
from streams.settings import Settings
from tests.support.shared_broker import JARS

JAVA_PRODUCER = Path(__file__).parent.parent / "kafka" / "JavaProducer.java"
FLUSH_S = 20


def send_by_librdkafka(settings: Settings, topic: str, items: Sequence[Item], codec: str = "none") -> None:
    """Send records with librdkafka, each to the partition of its key by murmur2."""
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.brokers,
            "compression.type": codec,
            "partitioner": "murmur2_random",
            "linger.ms": 50,
        }
    )
    for key, value in items:
        producer.produce(topic, value, key)
    assert 0 == producer.flush(FLUSH_S)


def send_by_kafka_python(settings: Settings, topic: str, items: Sequence[Item], codec: str = "none") -> None:
    """Send records with kafka-python, which compresses by gzip alone without further libraries."""
    compression = None if codec == "none" else codec
    with closing(KafkaProducer(bootstrap_servers=settings.kafka.brokers, compression_type=compression)) as producer:
        for key, value in items:
            producer.send(topic, value, key)
        producer.flush(FLUSH_S)


class Sending(NamedTuple):
    """Records that a Java producer sends."""

    items: Sequence[Item]
    codec: str
    transaction: str = "none"
    """Or `commit`, or `abort`."""


def send_by_java(settings: Settings, topic: str, *sendings: Sending) -> None:
    """Send records with Java's own producers, one for each sending, in one virtual machine."""
    texts = [text for sending in sendings for text in _arguments_of(sending)]
    command = ["java", *JVM_FLAGS, "-cp", f"{JARS}/*", str(JAVA_PRODUCER), settings.kafka.brokers, topic, *texts]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)


def _arguments_of(sending: Sending) -> list[str]:
    texts = [text.decode() for key, value in sending.items for text in (key, value or b"")]
    return [sending.codec, sending.transaction, str(len(sending.items)), *texts]


@asynccontextmanager
async def transactional(settings: Settings, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """Connect a producer of transactions; a transaction that is open at the end is aborted."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.brokers, transactional_id=name)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send_in(producer: AIOKafkaProducer, topic: str, partition: int, items: Sequence[Item]) -> None:
    """Send records in the open transaction of a producer, and wait for them."""
    for key, value in items:
        await (await producer.send(topic, value, key, partition=partition))
    await producer.flush()


def damage(folder: Path, topic: str, partition: int, needle: bytes) -> None:
    """Flip a byte of a batch on the disk of a broker, which sends it without a look at the checksum.

    Args:
        folder: The folder of the broker.
        topic: The topic.
        partition: The partition.
        needle: Bytes of the batch; the first one is flipped where they are found last.
    """
    path = folder / "data" / f"{topic}-{partition}" / f"{0:020}.log"
    at = path.read_bytes().rindex(needle)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([needle[0] ^ 0xFF]))
