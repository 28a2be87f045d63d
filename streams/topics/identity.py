"""Ids, partitions and leaders of topics, by one small request that any open connection can send.

Kafka gives a topic a new id whenever it is created. aiokafka's own requests do not return it, so this file has version
12 of Kafka's Metadata request, which every broker since 3.0 answers.
"""

import base64
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, TopicAuthorizationFailedError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)

ID_BYTES = 16


class Uuid(AbstractType[bytes]):
    """A UUID on the wire."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Return its 16 bytes."""
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        """Read its 16 bytes."""
        value: bytes = data.read(ID_BYTES)
        return value


_HEAD = (
    ("throttle_time_ms", Int32),
    (
        "brokers",
        CompactArray(
            ("node_id", Int32),
            ("host", CompactString("utf-8")),
            ("port", Int32),
            ("rack", CompactString("utf-8")),
            ("tags", TaggedFields),
        ),
    ),
    ("cluster_id", CompactString("utf-8")),
    ("controller_id", Int32),
)
_TOPIC = (("error_code", Int16), ("topic", CompactString("utf-8")), ("topic_id", Uuid))


class _Topics(Response):
    """The whole response."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        *_HEAD,
        (
            "topics",
            CompactArray(
                *_TOPIC,
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _FirstTopic(Response):
    """The response up to the id of its first topic: the partitions behind it would take most of the time."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(*_HEAD, ("n_topics", UnsignedVarInt32), *_TOPIC)


class _MetadataRequest(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE: type[Response] = _Topics
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _IdRequest(_MetadataRequest):
    RESPONSE_TYPE = _FirstTopic


class _DescribeTopics(Request[_MetadataRequest]):
    API_KEY = 3

    def __init__(self, names: Iterable[str], struct: type[_MetadataRequest] = _MetadataRequest) -> None:
        self._names, self._struct = list(names), struct

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:  # noqa: ARG002  aiokafka's
        topics: list[Any] = [(bytes(ID_BYTES), name, {}) for name in self._names]
        return self._struct(topics, False, False, {})  # noqa: FBT003  positional in aiokafka


class TopicIdentity(NamedTuple):
    """A topic as a broker knows it."""

    topic_id: str
    """Its id, as Kafka's own tools print it."""
    leaders: Mapping[int, int]
    """By partition, the node that leads it; -1: none does."""

    @property
    def partitions(self) -> int:
        """Return the number of its partitions."""
        return len(self.leaders)


async def identify_topics(client: Any, names: Iterable[str]) -> dict[str, TopicIdentity]:
    """Return the existing topics among those named, as one broker knows them.

    Args:
        client: The client of an aiokafka consumer or producer.
        names: Names of topics.

    Raises:
        KafkaError: The broker does not answer.
    """
    response = await _ask(client, _DescribeTopics(names))
    for error_code, name, *_ in response.topics:
        _check_allowed(error_code, name)
    return {
        name: TopicIdentity(format_id(topic_id), {part[1]: part[2] for part in partitions})
        for error_code, name, topic_id, _, partitions, *_ in response.topics
        if not error_code
    }


async def topic_id_of(client: Any, name: str, node_id: int | None = None) -> str | None:
    """Return the id of a topic, None if the broker knows no such topic; the quick form of `identify_topics`.

    Args:
        client: The client of an aiokafka consumer or producer.
        name: The name of the topic.
        node_id: The broker to ask; any one if left out, or if it does not answer.

    Raises:
        KafkaError: No broker answers.
    """
    response = await _ask(client, _DescribeTopics([name], _IdRequest), node_id)
    _check_allowed(response.error_code, name)
    return None if response.error_code else format_id(response.topic_id)


async def topic_ids_by_broker(client: Any, names: Iterable[str]) -> dict[int, dict[str, str]]:
    """Return by broker the ids of the topics that it knows, of those named.

    Args:
        client: The client of an aiokafka consumer or producer.
        names: Names of topics.

    Raises:
        KafkaError: A broker does not answer.
    """
    wanted, ids = list(names), dict[int, dict[str, str]]()
    for broker in client.cluster.brokers():
        response = await client.send(broker.nodeId, _DescribeTopics(wanted))
        ids[broker.nodeId] = {
            name: format_id(topic_id) for error_code, name, topic_id, *_ in response.topics if not error_code
        }
    return ids


def _check_allowed(error_code: int, name: str) -> None:
    if error_code == TopicAuthorizationFailedError.errno:
        raise TopicAuthorizationFailedError(name)


async def _ask(client: Any, request: _DescribeTopics, node_id: int | None = None) -> Any:
    if node_id is not None:
        with suppress(KafkaConnectionError, NodeNotReadyError):
            return await client.send(node_id, request)
    node_id = client.get_random_node()
    if node_id is None:
        message = "no broker is known"
        raise KafkaConnectionError(message)
    return await client.send(node_id, request)


def bytes_of_id(topic_id: str) -> bytes:
    """Return the 16 bytes of an id as Kafka's own tools print it.

    >>> bytes_of_id("AAAAAAAAAAAAAAAAAAAAAA") == bytes(16)
    True
    """
    return base64.urlsafe_b64decode(topic_id + "==")


def format_id(topic_id: bytes) -> str:
    """Return a topic's id as Kafka's own tools print it.

    >>> format_id(bytes(16))
    'AAAAAAAAAAAAAAAAAAAAAA'
    """
    return base64.urlsafe_b64encode(topic_id).decode().rstrip("=")
