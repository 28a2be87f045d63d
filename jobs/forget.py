"""A listener's wish to be forgotten: sent, waited for, and looked for afterwards in everything that is kept."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from state.user_record import applied_offset_of, is_forgotten
from streams.log_reader import partitions_of, read_topic, reader, spans_of
from streams.outbox import Outbox
from streams.records import Forget, UnreadablePlay, read_event
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import topic_names


class ForgetError(TimeoutError):
    """No worker carried a wish out in time. It stands on `plays`, for the next one: see that a worker runs."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where a wish and what followed from it stand."""

    user_id: str
    partition: int
    """Partition of every topic named here."""
    plays_offset: int
    """Where the wish stands on `plays`."""
    changelog_offset: int
    """Where the empty record stands on the users changelog."""
    recommendations_offset: int
    """Where the tombstone stands on `recommendations`."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic still holds under a listener's key."""

    topic: str
    stands: bool
    """Whether anything of them stands there that compaction will not remove."""
    older: int
    """Records that nothing reads any more, and that go with compaction or with the topic's retention."""


async def forget(user_id: str, settings: Settings) -> Receipt:
    """Send the wish and wait until a worker has carried it out.

    Raises:
        ForgetError: No worker did within `kafka_timeout_s`.
        LogReadError, OutboxError: Kafka or a topic is not there.
    """
    names, partition = topic_names(settings), partition_of(user_id, settings.partitions)
    followed = [TopicPartition(topic, partition) for topic in (names.users_changelog, names.recommendations)]
    key = user_id.encode()
    async with reader(settings.brokers, settings.kafka_timeout_s) as consumer, Outbox(settings) as outbox:
        for tp in followed:
            await partitions_of(consumer, tp.topic)
        ends = await spans_of(consumer, followed)
        consumer.assign(followed)
        for tp, span in ends.items():
            consumer.seek(tp, span.end)
        wish = msgspec.json.encode(Forget(user_id=user_id))
        at = (await (await outbox.send(names.plays, partition, [(key, wish)])).written()).first
        try:
            async with asyncio.timeout(settings.kafka_timeout_s):
                found = await _carried_out(_records(consumer, key), names.users_changelog, at)
        except TimeoutError:
            message = (
                f"The wish of {user_id!r} stands at offset {at} of partition {partition} of {names.plays}, and no "
                f"worker carried it out within {settings.kafka_timeout_s:g} s: it will be when one runs."
            )
            raise ForgetError(message) from None
    return Receipt(
        user_id=user_id,
        partition=partition,
        plays_offset=at,
        changelog_offset=found[names.users_changelog],
        recommendations_offset=found[names.recommendations],
    )


async def _records(consumer: AIOKafkaConsumer, key: bytes) -> AsyncIterator[tuple[str, ConsumerRecord]]:
    """Yield what is written under a key from now on, each record with its topic."""
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                if record.key == key:
                    yield tp.topic, record


async def _carried_out(records: AsyncIterator[tuple[str, ConsumerRecord]], changelog: str, at: int) -> dict[str, int]:
    """Wait for the record that reflects the wish, and for the tombstone; return their offsets by topic."""
    found: dict[str, int] = {}
    async for topic, record in records:
        value = record.value
        reflects = value is not None and applied_offset_of(value) >= at if topic == changelog else value is None
        if reflects:
            found[topic] = record.offset
        if len(found) == 2:  # noqa: PLR2004  both topics
            break
    return found


async def look_for(user_id: str, settings: Settings) -> list[Trace]:
    """Read every topic that may hold something of a listener.

    Of `plays` and `plays-rejected` nothing can be removed before its retention ends; workers read neither again.

    Raises:
        LogReadError: Kafka or a topic is not there.
    """
    names, key = topic_names(settings), user_id.encode()
    partition = partition_of(user_id, settings.partitions)
    traces = []
    for topic in (names.users_changelog, names.recommendations, names.plays, names.plays_rejected):
        n_with_content, last = 0, None
        async for _, records in read_topic(settings.brokers, topic, settings.kafka_timeout_s, [partition]):
            for record in records:
                if record.key == key and (topic != names.plays or not _is_wish(record, settings.play_bytes_max)):
                    last = record.value
                    n_with_content += last is not None and not is_forgotten(last)
        compacted = topic in (names.users_changelog, names.recommendations)
        stands = compacted and last is not None and not is_forgotten(last)
        traces.append(Trace(topic=topic, stands=stands, older=n_with_content - stands))
    return traces


def _is_wish(record: ConsumerRecord, bytes_max: int) -> bool:
    """Tell whether a record of `plays` is itself a wish to be forgotten."""
    try:
        return isinstance(read_event(record.key, record.value, bytes_max), Forget)
    except UnreadablePlay:
        return False
