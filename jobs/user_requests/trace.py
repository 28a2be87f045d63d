"""The trace of a listener: latest events, record and list, read from the topics and from the states on this machine."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from jobs.user_requests.record_generation import manifest_of
from jobs.user_requests.trace_document import PartitionTrace, Trace, TracedEvents, TracedList, TracedRecord
from jobs.user_requests.trace_events import Known, Outcomes, Recompute, trace_events
from jobs.user_requests.trace_states import traced_states
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of, is_forgotten
from streams.messages.records import Recommendations, RejectedPlay
from streams.partitioning import partition_of
from streams.positions import epoch_of, offset_of
from streams.process.format_text import pluralize
from streams.readers.backwards import read_backwards
from streams.readers.lag import lag_of
from streams.readers.latest_list import fresher, read_list
from streams.readers.latest_record import forms_of, records_under
from streams.readers.log_reader import LogReadError, Span, partitions_of, reader, spans_of
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings
from streams.topics.topics import topic_names

_read_reject = msgspec.json.Decoder(RejectedPlay).decode


class UnknownListenerError(LookupError):
    """There is nothing of a listener to trace. Compare the id with the key that the producer writes."""


class TraceTimeoutError(TimeoutError):
    """A topic could not be read in time. Give the command more time."""


class Limits(NamedTuple):
    """The bounds of a trace."""

    n_events: int
    """How many of the latest events are returned."""
    seconds: float
    """Longest time to read a topic."""


class ReadBack(NamedTuple):
    """Records of a partition, as far back as it was read."""

    span: Span
    """The offsets that the partition has."""
    start: int
    """First offset that was read."""
    records: list[ConsumerRecord]
    """By offset."""


class _Stored(NamedTuple):
    """The records and lists of a listener, and the committed offsets from before they were read, by partition."""

    committed: dict[int, int]
    records: dict[int, ConsumerRecord]
    lists: dict[int, tuple[int, Recommendations]]


class Tracer:
    """Traces one listener."""

    def __init__(self, user_id: str, settings: Settings, limits: Limits, recompute: Recompute) -> None:
        """Choose the listener.

        Args:
            user_id: The listener.
            settings: The settings of the workers.
            limits: How many events, and how long a topic may take.
            recompute: The decoding and the learning of a worker.
        """
        self._user_id, self._key, self._forms = user_id, user_id.encode(), forms_of(user_id)
        self._settings, self._limits, self._recompute = settings, limits, recompute
        self._names, self._home = topic_names(settings), partition_of(user_id, settings.topics.partitions)

    async def trace(self, now_ms: int) -> Trace:
        """Return the listener's latest events, and the record and the list they led to.

        The committed offsets are read before the records, so a record contains every event that counts as committed.

        Raises:
            LogReadError: Kafka does not answer, or a topic is missing.
            UnreadableRecord: The list of the listener cannot be decoded.
            StoreUnavailableError: The generation store does not answer.
            TraceTimeoutError: The users changelog or the lists could not be read in time.
            UnknownListenerError: There is no event, no record and no list of the listener.
        """
        stored = _Stored(await self._committed(), await self._latest_records(), await self._latest_lists())
        here = await self._trace_partition(self._home, stored)
        is_known = here.record or here.recommendations or here.events.n_events
        others = sorted(
            {number for number, record in stored.records.items() if not is_forgotten(record.value or b"")}
            | stored.lists.keys()
            if is_known
            else stored.committed.keys()
        )
        elsewhere = [await self._trace_partition(number, stored) for number in others if number != self._home]
        elsewhere = [one for one in elsewhere if one.record or one.recommendations or one.events.n_events]
        if not is_known and not elsewhere:
            raise self._unknown(here.events)
        fields = {name: getattr(here, name) for name in here.__struct_fields__}
        return Trace(user_id=self._user_id, made_at_ms=now_ms, elsewhere=elsewhere, **fields)

    async def _trace_partition(self, partition: int, stored: "_Stored") -> PartitionTrace:
        """Return the listener's latest events on a partition, and the record and the list there."""
        latest = stored.records.get(partition)
        record = UserRecord.decode(latest.value or b"") if latest else None
        made = stored.lists.get(partition)
        return PartitionTrace(
            events=await self._trace_events(partition, record, stored.committed[partition]),
            record=_traced_record(latest, self._settings) if latest else None,
            states=list(traced_states(self._key, partition, self._settings)),
            recommendations=_traced_list(*made) if made else None,
        )

    async def _committed(self) -> dict[int, int]:
        """Return the offsets up to which workers committed the partitions."""
        async with lag_of(self._settings) as lag:
            spans = await lag.spans()
        if self._home not in spans:
            message = (
                f"Topic {self._names.plays} has {pluralize(len(spans), 'partition')}, but PLAYFOLD_PARTITIONS is "
                f"{self._settings.topics.partitions}: correct the setting."
            )
            raise LogReadError(message)
        return {number: span.start for number, span in spans.items()}

    async def _latest_records(self) -> dict[int, ConsumerRecord]:
        """Return the record of every partition of the users changelog with the highest applied offset."""
        latest: dict[int, ConsumerRecord] = {}
        for partition, record in await self._all_of(self._names.users_changelog):
            held = latest.get(partition)
            if record.value is None:
                latest.pop(partition, None)
            elif held is None or applied_offset_of(record.value) >= applied_offset_of(held.value or b""):
                latest[partition] = record
        return latest

    async def _latest_lists(self) -> dict[int, tuple[int, Recommendations]]:
        """Return the list of every partition that reflects most of the listener's events, with its offset."""
        latest: dict[int, tuple[int, Recommendations]] = {}
        for partition, record in await self._all_of(self._names.recommendations):
            if record.value is None:
                latest.pop(partition, None)
                continue
            recommendations = read_list(record.value)
            if partition not in latest or fresher(latest[partition][1], recommendations) is recommendations:
                latest[partition] = record.offset, recommendations
        return latest

    async def _all_of(self, topic: str) -> list[tuple[int, ConsumerRecord]]:
        """Return the listener's records of a compacted topic.

        Raises:
            TraceTimeoutError: The topic has more records than can be read in time.
        """
        try:
            async with asyncio.timeout(self._limits.seconds):
                return [placed async for placed in records_under(topic, self._user_id, self._settings)]
        except TimeoutError:
            message = (
                f"Partition {self._home} of {topic} was not read to its end within {self._limits.seconds:g} s: "
                "give --seconds a larger number."
            )
            raise TraceTimeoutError(message) from None

    async def _trace_events(self, partition: int, record: UserRecord | None, committed: int) -> TracedEvents:
        """Read the listener's events until they explain the record, and derive their outcomes."""
        rejects = await self._read_back(
            TopicPartition(self._names.plays_rejected, partition), {*self._forms, b""}, lambda _: False
        )
        topics = await latest_state_topics(self._settings)
        known = Known(record, committed, _by_offset(rejects.records), topics.epoch if topics else 0)
        plays = await self._read_back(
            TopicPartition(self._names.plays, partition), self._forms, partial(self._explain, known)
        )
        outcomes = self._outcomes(known, plays.records)
        return TracedEvents(
            partition=partition,
            topic_start=plays.span.start,
            read_start=plays.start,
            topic_end=plays.span.end,
            committed=committed,
            n_events=len(plays.records),
            differing=outcomes.differing,
            latest=outcomes.latest,
        )

    def _outcomes(self, known: Known, records: Sequence[ConsumerRecord]) -> Outcomes:
        values = {record.offset: record.value for record in records}
        # A reject of an earlier topic of plays may have the place of another event.
        rejects = {
            offset: rejected
            for offset, rejected in known.rejects.items()
            if rejected.value is None or rejected.value == values.get(offset)
        }
        known = known._replace(rejects=rejects)
        return trace_events(records, known, self._limits.n_events, self._recompute, self._settings)

    def _explain(self, known: Known, records: Sequence[ConsumerRecord]) -> bool:
        """Tell whether events lead to the listener's record and are enough to return."""
        is_enough = known.record is not None and len(records) >= self._limits.n_events
        return is_enough and not self._outcomes(known, records).differing

    async def _read_back(
        self, tp: TopicPartition, keys: Collection[bytes], is_enough: Callable[[Sequence[ConsumerRecord]], bool]
    ) -> ReadBack:
        """Read the records under some keys from the partition's end, until they are enough or the time is over."""
        kafka = self._settings.kafka
        async with reader(kafka, kafka.timeout_s, committed_only=True) as consumer:  # as workers do
            await partitions_of(consumer, tp.topic)
            span = (await spans_of(consumer, [tp]))[tp]
            start, records = span.end, list[ConsumerRecord]()
            ranges = read_backwards(
                consumer, tp, span, lambda record: (record.key or b"") in keys, self._settings.kafka.timeout_s
            )
            with suppress(TimeoutError):  # `start` says how far the read came
                async with asyncio.timeout(self._limits.seconds), aclosing(ranges):
                    async for part in ranges:
                        start, records = part.start, part.records + records
                        if part.records and is_enough(records):
                            break
        return ReadBack(span, start, records)

    def _unknown(self, events: TracedEvents) -> UnknownListenerError:
        return UnknownListenerError(
            f"Nothing is known of {self._user_id!r}: offsets {events.read_start} to {events.topic_end} of partition "
            f"{self._home} of {self._names.plays} have no event with this key, and there is no record and no list."
        )


def _by_offset(records: Sequence[ConsumerRecord]) -> dict[int, RejectedPlay]:
    """Return rejects by the offset of the event; a record that another program wrote to the topic is left out."""
    rejects = {}
    for record in records:
        with suppress(ValueError, RecursionError):
            rejected = _read_reject(record.value or b"")
            rejects[rejected.offset] = rejected
    return rejects


def _traced_record(stored: ConsumerRecord, settings: Settings) -> TracedRecord:
    value = stored.value or b""
    record = UserRecord.decode(value)
    manifest = manifest_of(record.generation_key, settings)
    return TracedRecord(
        offset=stored.offset,
        applied_offset=offset_of(record.applied_offset),
        epoch=epoch_of(record.applied_offset),
        plays=record.plays,
        n_history=len(record.history),
        generation=manifest.generation_id if manifest else None,
        generation_key=f"{record.generation_key:016x}" if record.generation_key else None,
        listed_at_ms=record.listed_at_ms,
        owed=record.owed,
        paused=record.paused,
        forgotten=is_forgotten(value),
    )


def _traced_list(offset: int, recommendations: Recommendations) -> TracedList:
    return TracedList(
        offset=offset,
        kind=recommendations.kind,
        n_items=len(recommendations.items),
        generation=recommendations.generation,
        revision=recommendations.revision,
        made_at_ms=recommendations.made_at_ms,
        expires_at_ms=recommendations.expires_at_ms,
        reason=recommendations.reason,
        reflects_partition=recommendations.partition,
        reflects_offset=recommendations.offset,
    )
