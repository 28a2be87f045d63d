"""New topics: one request for all, and the wait until they can be used."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import OffsetSpec, TopicPartition
from kafka.errors import NotLeaderForPartitionError, UnknownTopicOrPartitionError, for_code

from streams.settings import Settings
from streams.topics.topics import Topic

LEADERS_S = 10.0
"""Shortest time-out within which the leader of every new partition has to answer."""
POLL_S = 0.05


def request_topics(admin: Any, topics: Sequence[Topic], settings: Settings) -> dict[str, Any]:
    """Request the creation of topics; return the class of Kafka's error by topic, `NoError` for a created one."""
    # Writes continue without one of the copies.
    durable = {"min.insync.replicas": str(max(1, settings.topics.replication - 1))}
    options = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": settings.topics.replication,
            "configs": topic.configs | durable,
        }
        for topic in topics
    }
    return errors_of(admin.create_topics(options, int(settings.kafka.timeout_s * 1000), raise_errors=False)["topics"])


def errors_of(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the class of Kafka's error by topic."""
    return {answer["name"]: for_code(answer["error_code"]) for answer in answers}


def raise_other(errors: Iterable[Any], *expected: Any) -> None:
    """Raise the first error that is not expected."""
    for error in errors:
        if error not in expected:
            raise error


def await_leaders(admin: Any, topics: Sequence[Topic], timeout_s: float) -> None:
    """Wait until the leader of each partition answers: it is announced before it has opened its log.

    Raises:
        KafkaError: A leader does not answer within `timeout_s` seconds, or within `LEADERS_S` if that is longer.
    """
    timeout_ms = int(max(timeout_s, LEADERS_S) * 1000)
    deadline = time.monotonic() + timeout_ms / 1000
    admin.wait_for_topics([topic.name for topic in topics], timeout_ms)
    partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    while True:
        try:
            admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST), timeout_ms=timeout_ms)
        except (NotLeaderForPartitionError, UnknownTopicOrPartitionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
        else:
            return
