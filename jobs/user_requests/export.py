"""All data about one listener, read from the topics into one document."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
from aiokafka.structs import ConsumerRecord

from jobs.user_requests.exported_record import StoredRecord
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.export_document import ExportedEvent, ExportedList, ExportedReject, UserExport
from streams.messages.records import RejectedPlay
from streams.partitioning import partition_of
from streams.readers.latest_list import fresher, read_list
from streams.readers.log_reader import log_skipped, read_topic
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.topics import topic_names

_read_object = msgspec.json.Decoder(dict[str, object]).decode
_read_reject = msgspec.json.Decoder(RejectedPlay).decode


async def export_user(user_id: str, settings: Settings, now_ms: int) -> UserExport:
    """Return all data about a listener.

    Raises:
        LogReadError: Kafka does not answer, or a topic is missing.
        UnreadableRecord: A list of the listener cannot be decoded.
        StoreUnavailableError: The generation store does not answer.
    """
    names, partition, key = topic_names(settings), partition_of(user_id, settings.topics.partitions), user_id.encode()
    stored = StoredRecord(key, partition)
    async for record in _all(names.users_changelog, partition, settings.kafka):
        stored.take(record)
    listed: ExportedList | None = None
    async for record in _mine(names.recommendations, key, partition, settings):
        listed = _fresher(listed, None if record.value is None else _list(record, partition))
    private = [
        _list(record, partition) async for record in _mine(names.private_recommendations, key, partition, settings)
    ]
    plays = [_event(record, partition) async for record in _mine(names.plays, key, partition, settings)]
    rejects = [_reject(record, partition) async for record in _mine(names.plays_rejected, key, partition, settings)]
    exported = stored.export(settings, listed.recommendations.items if listed else [])
    return UserExport(
        user_id=user_id,
        made_at_ms=now_ms,
        anything=any((exported, listed, private, plays, rejects)),
        record=exported,
        recommendations=listed,
        private_recommendations=private,
        plays=plays,
        plays_rejected=rejects,
    )


async def _all(
    topic: str, partition: int, kafka: KafkaSettings, skip: Callable[[UnreadableBatch], None] | None = None
) -> AsyncIterator[ConsumerRecord]:
    async for _, records in read_topic(kafka, topic, kafka.timeout_s, [partition], skip):
        for record in records:
            yield record


async def _mine(topic: str, key: bytes, partition: int, settings: Settings) -> AsyncIterator[ConsumerRecord]:
    skip = log_skipped if topic == topic_names(settings).plays else None  # workers have set such a batch aside
    async for record in _all(topic, partition, settings.kafka, skip):
        if record.key == key:
            yield record


def _list(record: ConsumerRecord, partition: int) -> ExportedList:
    return ExportedList(partition=partition, offset=record.offset, recommendations=read_list(record.value or b""))


def _fresher(held: ExportedList | None, latest: ExportedList | None) -> ExportedList | None:
    """Return the list of two that counts, by the rule of `latest_list`; a tombstone leaves none."""
    if held is None or latest is None:
        return latest
    return latest if fresher(held.recommendations, latest.recommendations) is latest.recommendations else held


def _event(record: ConsumerRecord, partition: int) -> ExportedEvent:
    """Return a record of `plays`, decoded if it is a JSON object."""
    event = None
    with suppress(ValueError, RecursionError):
        event = _read_object(record.value or b"")
    return ExportedEvent(
        partition=partition,
        offset=record.offset,
        arrived_at_ms=record.timestamp,
        event=event,
        value=record.value if event is None else None,
    )


def _reject(record: ConsumerRecord, partition: int) -> ExportedReject:
    """Return a record of `plays-rejected`, decoded if it is a reject."""
    rejected = None
    with suppress(ValueError, RecursionError):
        rejected = _read_reject(record.value or b"")
    value = record.value if rejected is None else None
    return ExportedReject(partition=partition, offset=record.offset, rejected=rejected, value=value)
