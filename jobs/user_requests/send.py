"""A listener's wish: sent, and waited for until a worker has carried it out."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from state.users.record import applied_offset_of
from streams.files.replay import partition_of
from streams.messages.events import Forget, Hide, Pause, Resume, Unhide, UnreadablePlay, read_event
from streams.messages.receipt import Receipt
from streams.outbox import Outbox
from streams.readers.log_reader import partitions_of, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import TopicNames, topic_names

Wish = Forget | Pause | Resume | Hide | Unhide


class WishError(TimeoutError):
    """No worker carried a wish out in time. It stands on `plays`, for the next one: see that a worker runs."""


class WishInvalidError(ValueError):
    """A wish cannot be sent, since no worker would read it: the message says what is wrong with it."""


async def carry_out(wish: Wish, settings: Settings) -> Receipt:
    """Send a wish and wait until a worker has carried it out.

    Raises:
        WishError: No worker did within `kafka_timeout_s`.
        WishInvalidError: No worker could read it.
        LogReadError, OutboxError: Kafka or a topic is not there.
    """
    names, partition = topic_names(settings), partition_of(wish.user_id, settings.topics.partitions)
    followed = [TopicPartition(topic, partition) for topic in _followed(wish, names)]
    key, value = wish.user_id.encode(), _checked(wish, settings)
    async with reader(settings.kafka.brokers, settings.kafka.timeout_s) as consumer, Outbox(settings.kafka) as outbox:
        await _go_to_ends(consumer, followed)
        at = (await (await outbox.send(names.plays, partition, [(key, value)])).written()).first
        try:
            async with asyncio.timeout(settings.kafka.timeout_s):
                found = await _carried_out(_records(consumer, key), names.users_changelog, at, len(followed))
        except TimeoutError:
            message = (
                f"The wish of {wish.user_id!r} stands at offset {at} of partition {partition} of {names.plays}, and no "
                f"worker carried it out within {settings.kafka.timeout_s:g} s: it will be when one runs."
            )
            raise WishError(message) from None
    return Receipt(
        wish=str(wish.__struct_config__.tag),
        user_id=wish.user_id,
        item_id=getattr(wish, "item_id", None),
        partition=partition,
        plays_offset=at,
        changelog_offset=found[names.users_changelog],
        recommendations_offset=found.get(names.recommendations),
    )


def _checked(wish: Wish, settings: Settings) -> bytes:
    """Write a wish, and read it as a worker does."""
    key, value = wish.user_id.encode(), msgspec.json.encode(wish)
    try:
        read_event(key, value, settings.topics.play_bytes_max)
    except UnreadablePlay as error:
        message = f"The wish cannot be sent, for no worker would read it: {error}."
        raise WishInvalidError(message) from None
    return value


def _followed(wish: Wish, names: TopicNames) -> list[str]:
    """Return the topics on which something stands for certain once a wish is carried out."""
    tombstone = [names.recommendations] if isinstance(wish, Forget) else []
    return [names.users_changelog, *tombstone]


async def _go_to_ends(consumer: AIOKafkaConsumer, followed: list[TopicPartition]) -> None:
    """Let a consumer read what is written to partitions from now on."""
    for tp in followed:
        await partitions_of(consumer, tp.topic)
    ends = await spans_of(consumer, followed)
    consumer.assign(followed)
    for tp, span in ends.items():
        consumer.seek(tp, span.end)


async def _records(consumer: AIOKafkaConsumer, key: bytes) -> AsyncIterator[tuple[str, ConsumerRecord]]:
    """Yield what is written under a key from now on, each record with its topic."""
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                if record.key == key:
                    yield tp.topic, record


async def _carried_out(
    records: AsyncIterator[tuple[str, ConsumerRecord]], changelog: str, at: int, n_topics: int
) -> dict[str, int]:
    """Wait for the record that reflects the wish, and for a tombstone if that is followed, too; return offsets."""
    found: dict[str, int] = {}
    async for topic, record in records:
        value = record.value
        reflects = value is not None and applied_offset_of(value) >= at if topic == changelog else value is None
        if reflects:
            found[topic] = record.offset
        if len(found) == n_topics:
            break
    return found
