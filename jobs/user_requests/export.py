"""All data about one listener, read from the topics into one document."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

import msgspec
from aiokafka.structs import ConsumerRecord

from jobs.user_requests.exported_record import StoredRecord
from streams.messages.export_document import ExportedEvent, ExportedList, ExportedReject, UserExport
from streams.messages.records import RejectedPlay
from streams.partitioning import partition_of
from streams.readers.latest_list import fresher, read_list
from streams.readers.latest_record import records_under
from streams.readers.log_reader import log_skipped, read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

Part = TypeVar("Part")
_read_object = msgspec.json.Decoder(dict[str, object]).decode
_read_reject = msgspec.json.Decoder(RejectedPlay).decode


async def export_user(user_id: str, settings: Settings, now_ms: int) -> UserExport:
    """Return all data about a listener, of every partition.

    Raises:
        LogReadError: Kafka does not answer, or a topic is missing.
        UnreadableRecord: A list of the listener cannot be decoded.
        StoreUnavailableError: The generation store does not answer.
    """
    names, home = topic_names(settings), partition_of(user_id, settings.topics.partitions)
    stored: dict[int, StoredRecord] = {}
    async for partition, records in read_topic(settings.kafka, names.users_changelog, settings.kafka.timeout_s):
        for record in records:
            stored.setdefault(partition, StoredRecord(user_id.encode(), partition)).take(record)
    listed: dict[int, ExportedList | None] = {}
    async for partition, record in records_under(names.recommendations, user_id, settings):
        latest = None if record.value is None else _list(partition, record)
        listed[partition] = _fresher(listed.get(partition), latest)
    private = [_list(*one) async for one in records_under(names.private_recommendations, user_id, settings)]
    plays = [_event(*one) async for one in records_under(names.plays, user_id, settings, log_skipped)]
    rejects = [_reject(*one) async for one in records_under(names.plays_rejected, user_id, settings)]
    exported = {
        partition: record.export(settings, made.recommendations.items if (made := listed.get(partition)) else [])
        for partition, record in sorted(stored.items())
    }
    misplaced = [record for record in _others(exported, home) if not record.forgotten]
    misplaced_lists = _others(listed, home)
    record, recommendations = exported.get(home), listed.get(home)
    return UserExport(
        user_id=user_id,
        made_at_ms=now_ms,
        anything=any((record, recommendations, misplaced, misplaced_lists, private, plays, rejects)),
        record=record,
        recommendations=recommendations,
        misplaced_records=misplaced or msgspec.UNSET,
        misplaced_recommendations=misplaced_lists or msgspec.UNSET,
        private_recommendations=private,
        plays=plays,
        plays_rejected=rejects,
    )


def _others(parts: Mapping[int, Part | None], home: int) -> list[Part]:
    """Return the parts of all partitions but one, in order of the partitions; missing parts are left out."""
    return [part for partition, part in sorted(parts.items()) if partition != home and part is not None]


def _list(partition: int, record: ConsumerRecord) -> ExportedList:
    return ExportedList(partition=partition, offset=record.offset, recommendations=read_list(record.value or b""))


def _fresher(held: ExportedList | None, latest: ExportedList | None) -> ExportedList | None:
    """Return the list of two that counts, by the rule of `latest_list`; a tombstone leaves none."""
    if held is None or latest is None:
        return latest
    return latest if fresher(held.recommendations, latest.recommendations) is latest.recommendations else held


def _event(partition: int, record: ConsumerRecord) -> ExportedEvent:
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


def _reject(partition: int, record: ConsumerRecord) -> ExportedReject:
    """Return a record of `plays-rejected`, decoded if it is a reject."""
    rejected = None
    with suppress(ValueError, RecursionError):
        rejected = _read_reject(record.value or b"")
    value = record.value if rejected is None else None
    return ExportedReject(partition=partition, offset=record.offset, rejected=rejected, value=value)
