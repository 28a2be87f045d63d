"""A user request: sent to `plays`, and waited for until a worker has processed it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from state.users.record import applied_offset_of
from streams.fetch.followed_partitions import FollowedPartitions
from streams.messages.events import Forget, Hide, Pause, Resume, Unhide, UnreadablePlay, read_event
from streams.messages.receipt import Receipt
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.readers.log_reader import partitions_of, reader, spans_of
from streams.readers.open_transactions import find_open_transactions
from streams.settings import Settings
from streams.topics.topics import TopicNames, topic_names

UserRequest = Forget | Pause | Resume | Hide | Unhide


class RequestTimeoutError(TimeoutError):
    """No worker processed a request in time. It stays queued on `plays`: check that a worker runs."""


class InvalidRequestError(ValueError):
    """A request would be rejected by workers, so it is not sent. Correct the id that the message names."""


async def send_and_wait(request: UserRequest, settings: Settings) -> Receipt:
    """Send a request and wait until a worker has processed it.

    Raises:
        InvalidRequestError: Workers would reject it.
        LogReadError, OutboxError: Kafka does not answer, or a topic is missing.
        RequestTimeoutError: No worker processed it within the time-out of Kafka.
    """
    names, partition = topic_names(settings), partition_of(request.user_id, settings.topics.partitions)
    followed = [TopicPartition(topic, partition) for topic in _topics_of_result(request, names)]
    key, value = request.user_id.encode(), _encode(request, settings)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer, Outbox(settings.kafka) as outbox:
        partitions = await _follow_from_ends(consumer, followed)
        offset = (await (await outbox.send(names.plays, partition, [(key, value)])).written()).first
        try:
            async with asyncio.timeout(settings.kafka.timeout_s):
                offsets = await _await_result(_records(partitions, key), names.users_changelog, offset, len(followed))
        except TimeoutError:
            held = await find_open_transactions(names.plays, settings, [partition])
            waits = "".join(f" {transaction}" for transaction in held)
            message = (
                f"The request for {request.user_id!r} is queued ({names.plays}, partition {partition}, offset "
                f"{offset}), but no worker processed it within {settings.kafka.timeout_s:g} s.{waits} "
                f"It is processed as soon as {'the transaction has ended' if held else 'a worker runs'}."
            )
            raise RequestTimeoutError(message) from None
    return Receipt(
        wish=str(request.__struct_config__.tag),
        user_id=request.user_id,
        item_id=getattr(request, "item_id", None),
        partition=partition,
        plays_offset=offset,
        changelog_offset=offsets[names.users_changelog],
        recommendations_offset=offsets.get(names.recommendations),
    )


def _encode(request: UserRequest, settings: Settings) -> bytes:
    """Encode a request, and decode it as a worker does."""
    key, value = request.user_id.encode(), msgspec.json.encode(request)
    try:
        read_event(key, value, settings.topics.play_bytes_max)
    except UnreadablePlay as error:
        message = f"The request was not sent, because workers would reject it: {error}."
        raise InvalidRequestError(message) from None
    return value


def _topics_of_result(request: UserRequest, names: TopicNames) -> list[str]:
    """Return the topics that get a record for certain once a request is processed."""
    tombstone = [names.recommendations] if isinstance(request, Forget) else []
    return [names.users_changelog, *tombstone]


async def _follow_from_ends(consumer: AIOKafkaConsumer, followed: list[TopicPartition]) -> FollowedPartitions:
    """Follow partitions from their present ends on."""
    for tp in followed:
        await partitions_of(consumer, tp.topic)
    ends = await spans_of(consumer, followed)
    consumer.assign(followed)
    return FollowedPartitions(consumer, {tp: span.end for tp, span in ends.items()})


async def _records(partitions: FollowedPartitions, key: bytes) -> AsyncIterator[tuple[str, ConsumerRecord]]:
    """Yield new records of a key, each with its topic."""
    while True:
        async for tp, records in partitions.fetch(100):
            for record in records:
                if record.key == key:
                    yield tp.topic, record


async def _await_result(
    records: AsyncIterator[tuple[str, ConsumerRecord]], changelog: str, offset: int, n_topics: int
) -> dict[str, int]:
    """Wait for the user record that contains a request, and for a tombstone if that is followed too; return offsets."""
    offsets: dict[str, int] = {}
    async for topic, record in records:
        value = record.value
        is_result = value is not None and applied_offset_of(value) >= offset if topic == changelog else value is None
        if is_result:
            offsets[topic] = record.offset
        if len(offsets) == n_topics:
            break
    return offsets
