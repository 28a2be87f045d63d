"""Fetches a topic by its id in place of its name, so that no record of another topic with the name is ever delivered.

Kafka gives a deleted and remade topic another id, and answers a fetch by the old id with an error. aiokafka fetches by
name, so this file has version 13 of Kafka's Fetch request (KIP-516), which every broker since 3.1 answers.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from streams.topics.identity import Uuid, bytes_of_id, format_id, topic_id_of

UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID = 100, 103
"""Kafka's error codes of an id that a broker does not know, or not with this partition."""
GONE_S = 0.1
"""Pause after such an answer, which Kafka gives at once."""


_TAGS = ("tags", TaggedFields)


def _by_topic(*fields: Any) -> tuple[str, CompactArray]:
    """Return the topics of a message, each with its id and its partitions of these fields."""
    return "topics", CompactArray(("topic_id", Uuid), ("partitions", CompactArray(*fields, _TAGS)), _TAGS)


class _Response(Response):
    API_KEY = 1
    API_VERSION = 13
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("session_id", Int32),
        _by_topic(
            ("partition", Int32),
            ("error_code", Int16),
            ("highwater_offset", Int64),
            ("last_stable_offset", Int64),
            ("log_start_offset", Int64),
            ("aborted_transactions", CompactArray(("producer_id", Int64), ("first_offset", Int64), _TAGS)),
            ("preferred_read_replica", Int32),
            ("message_set", CompactBytes),
        ),
        _TAGS,
    )


class _Request(RequestStruct):
    API_KEY = 1
    API_VERSION = 13
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("replica_id", Int32),
        ("max_wait_time", Int32),
        ("min_bytes", Int32),
        ("max_bytes", Int32),
        ("isolation_level", Int8),
        ("session_id", Int32),
        ("session_epoch", Int32),
        _by_topic(
            ("partition", Int32),
            ("current_leader_epoch", Int32),
            ("fetch_offset", Int64),
            ("last_fetched_epoch", Int32),
            ("log_start_offset", Int64),
            ("max_bytes", Int32),
        ),
        ("forgotten_topics_data", CompactArray(("topic_id", Uuid), ("partitions", CompactArray(Int32)), _TAGS)),
        ("rack_id", CompactString("utf-8")),
        _TAGS,
    )


class _FetchById(Request[_Request]):
    """A fetch of aiokafka with ids in place of names."""

    API_KEY = 1

    def __init__(self, by_name: FetchRequest, ids: Mapping[str, bytes]) -> None:
        self._by_name, self._ids = by_name, ids

    def build(self, request_struct_class: type[_Request]) -> _Request:
        by_name = self._by_name
        topics: list[Any] = [
            (self._ids[name], [(number, -1, offset, -1, -1, size, {}) for number, offset, size in partitions], {})
            for name, partitions in by_name.topics
        ]
        return request_struct_class(
            -1,  # a consumer, no replica
            by_name._max_wait_ms,  # noqa: SLF001
            by_name._min_bytes,  # noqa: SLF001
            by_name._max_bytes,  # noqa: SLF001
            by_name._isolation_level,  # noqa: SLF001
            0,  # without a session of fetches
            -1,
            topics,
            [],
            by_name._rack_id,  # noqa: SLF001
            {},
        )


class _ByName(NamedTuple):
    """An answer as aiokafka reads one to a fetch by name."""

    topics: list[tuple[str, list[tuple[Any, ...]]]]
    API_VERSION: int = 11
    """The last version without tagged fields, in whose order the values are."""


class TopicIds:
    """The ids by which one client fetches; the id of a topic is that at its first fetch until it is forgotten.

    Attributes:
        unknown: Names of topics of whose id a broker has said that it does not know it.
    """

    def __init__(self, client: Any) -> None:
        """Have the fetches of a client name topics by id.

        Args:
            client: The client of an aiokafka consumer, which sends its fetches.
        """
        self._client, self._send = client, client.send
        self._ids: dict[str, bytes] = {}
        self._names: dict[bytes, str] = {}
        self.unknown: set[str] = set()
        client.send = self._send_by_id

    def __getitem__(self, name: str) -> str:
        """Return the id of a fetched topic, as Kafka's own tools print it; empty before its first fetch."""
        return format_id(self._ids[name]) if name in self._ids else ""

    async def identify(self, name: str) -> str:
        """Return the id by which a topic is fetched; the first time, ask for it.

        Raises:
            KafkaError: No broker answers, or the broker that answered knows no such topic.
        """
        if name not in self._ids:
            await self._identify(name, None)
        return self[name]

    def forget(self, name: str) -> None:
        """Forget the id of a topic: it is fetched by the id that it has at its next fetch."""
        self._names.pop(self._ids.pop(name, b""), None)
        self.unknown.discard(name)

    async def _send_by_id(self, node_id: int, request: Any, **options: Any) -> Any:
        """Send a request; in a fetch, name the topics by id.

        Raises:
            KafkaError: The broker does not answer, or knows no such topic.
        """
        if not isinstance(request, FetchRequest):
            return await self._send(node_id, request, **options)
        for name, _ in request.topics:
            if name not in self._ids:
                await self._identify(name, node_id)
        answer = await self._send(node_id, _FetchById(request, self._ids), **options)
        if answer.error_code:  # it has no partitions then: aiokafka would fetch again at once
            raise for_code(answer.error_code)
        # A late answer may have the id of a topic that is forgotten.
        topics = [
            (self._names[topic_id], _lean(partitions))
            for topic_id, partitions, _ in answer.topics or ()
            if topic_id in self._names
        ]
        unknown = {
            name for name, parts in topics for _, error, *_ in parts if error == UnknownTopicOrPartitionError.errno
        }
        if unknown:
            self.unknown |= unknown
            await asyncio.sleep(GONE_S)
        return _ByName(topics)

    async def _identify(self, name: str, node_id: int | None) -> None:
        topic_id = await topic_id_of(self._client, name, node_id)
        if topic_id is None:
            raise UnknownTopicOrPartitionError(name)
        self._ids[name] = bytes_of_id(topic_id)
        self._names[self._ids[name]] = name


def _lean(partitions: list[Any]) -> list[tuple[Any, ...]]:
    """Return partitions without tagged fields; an unknown id is an unknown topic, on which aiokafka asks again."""
    return [
        (
            partition,
            UnknownTopicOrPartitionError.errno if error in (UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID) else error,
            *offsets,
            [(producer_id, first) for producer_id, first, _ in aborted or ()],
            replica,
            data or b"",
        )
        for partition, error, *offsets, aborted, replica, data, _ in partitions
    ]
