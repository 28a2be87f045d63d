"""Creates and deletes the topics, and compares them with their declarations."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import msgspec
from kafka.admin import ConfigResource
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams.connection.admin_clients import new_admin
from streams.connection.rights import Right, describe_missing
from streams.connection.start import UnreachableError, find_fault_in_thread, verify_connection
from streams.process.format_text import pluralize
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.creation import await_leaders, errors_of, raise_other, request_topics
from streams.topics.topics import BATCH_BYTES_MAX, FLEETING, MIB, Topic, declare_topics, topic_names

BATCH_HEADER_BYTES = 61


class TopicsError(ValueError):
    """A topic is missing or differs from its declaration; the message names it and the way out.

    Run `playfold topics create` for a missing topic; alter or delete one that differs.
    """


class ClusterTopic(msgspec.Struct, frozen=True):
    """A topic as the cluster describes it."""

    partitions: int
    cleanup_policy: str
    message_bytes_max: int
    configs: Mapping[str, str] = {}
    """All its settings, those of the cluster included."""


def create_topics(settings: Settings) -> list[str]:
    """Create the missing topics; the others stay unchanged.

    Returns:
        The names of the created topics, in the order of their declaration.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    with admin_client(settings.kafka) as admin:
        declared = declare_topics(settings)
        existing = _existing(admin, {topic.name for topic in declared}, settings.kafka)
        missing = [topic for topic in declared if topic.name not in existing]
        if not missing:
            return []
        errors = request_topics(admin, missing, settings)
        refused = [name for name, error in errors.items() if error is TopicAuthorizationFailedError]
        if refused:
            raise _refused(settings.kafka, "CREATE", refused)
        # Another process that creates a topic at the same time declares it alike.
        raise_other(errors.values(), NoError, TopicAlreadyExistsError)
        await_leaders(admin, missing, settings.kafka.timeout_s)
    return [topic.name for topic in missing if errors[topic.name] is NoError]


def delete_topics(settings: Settings) -> list[str]:
    """Delete the topics of these settings with all their records.

    Returns:
        The names of the deleted topics.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    declared = {topic.name for topic in declare_topics(settings)}
    with admin_client(settings.kafka) as admin:
        existing = sorted(declared & set(admin.list_topics()))
        if not existing:
            return []
        answers = admin.delete_topics(existing, int(settings.kafka.timeout_s * 1000), raise_errors=False)["topics"]
        errors = errors_of(answers)
        # A broker lists a topic for a moment after another process has deleted it.
        raise_other(errors.values(), NoError, UnknownTopicOrPartitionError)
    return [name for name in existing if errors[name] is NoError]


def topic_ids(settings: Settings) -> dict[str, str]:
    """Return the ids of the existing topics by name; a recreated topic has another id.

    Raises:
        TopicsError: Kafka cannot be reached.
    """
    declared = {topic.name for topic in declare_topics(settings)}
    with admin_client(settings.kafka) as admin:
        existing = sorted(declared & set(admin.list_topics()))
        return {topic["name"]: str(topic["topic_id"]) for topic in admin.describe_topics(existing)} if existing else {}


def verify_topics(settings: Settings) -> dict[str, ClusterTopic]:
    """Check that every topic exists and matches its declaration; return the topics by name.

    Raises:
        TopicsError: A topic is missing or differs, or Kafka cannot be reached.
    """
    with admin_client(settings.kafka) as admin:
        existing = _describe(admin, {topic.name for topic in declare_topics(settings)}, settings.kafka)
    compare_topics(settings, existing)
    return existing


def compare_topics(settings: Settings, existing: dict[str, ClusterTopic]) -> None:
    """Compare the topics on the cluster, by name, with their declarations.

    Raises:
        TopicsError: The first difference.
    """
    for topic in declare_topics(settings):
        _compare_topic(topic, existing.get(topic.name))
    names = topic_names(settings)
    plays, rejected = existing[names.plays], existing[names.plays_rejected]
    # Base64 turns three bytes into four; the rest is for the reason and the place.
    if rejected.message_bytes_max < plays.message_bytes_max * 4 // 3 + 4096:
        message = (
            f"Topic {names.plays} takes messages of {plays.message_bytes_max} bytes, too large for "
            f"{names.plays_rejected} at {rejected.message_bytes_max} bytes: raise max.message.bytes of the latter."
        )
        raise TopicsError(message)
    for topic in declare_topics(settings):
        if topic.name != names.plays:  # its batches are those of producers
            _check_batches_fit(topic.name, existing[topic.name].message_bytes_max)


def _check_batches_fit(name: str, bytes_max: int) -> None:
    """Check that a topic takes the batches that playfold writes."""
    if bytes_max < BATCH_BYTES_MAX + BATCH_HEADER_BYTES:
        message = (
            f"Topic {name} takes messages of {bytes_max} bytes, but playfold writes batches of {BATCH_BYTES_MAX} "
            f"bytes: alter the topic to max.message.bytes={MIB}."
        )
        raise TopicsError(message)


def _compare_topic(topic: Topic, existing: ClusterTopic | None) -> None:
    """Compare one topic with its declaration."""
    if existing is None:
        message = f"Topic {topic.name} is missing: run `playfold topics create`."
        raise TopicsError(message)
    if existing.partitions != topic.partitions:
        raise TopicsError(_describe_partitions(topic, existing.partitions))
    if _policies(existing.cleanup_policy) != _policies(topic.cleanup_policy):
        fleeting = topic.configs.items() >= FLEETING.items()
        loss = (
            "private lists would stay" if fleeting else _LOSSES.get(topic.cleanup_policy, "records would stay for ever")
        )
        message = (
            f"Topic {topic.name} has cleanup.policy={existing.cleanup_policy}, under which {loss}: "
            f"alter the topic to cleanup.policy={topic.cleanup_policy}."
        )
        raise TopicsError(message)


def _describe_partitions(topic: Topic, existing: int) -> str:
    """Return in a sentence that a topic has another number of partitions, and the way out."""
    says = f"Topic {topic.name} has {pluralize(existing, 'partition')}, but"
    if topic.partitions == 1:
        return f"{says} it needs 1: delete the topic and run `playfold topics create`, or correct the setting."
    return (
        f"{says} PLAYFOLD_PARTITIONS is {topic.partitions} for all alike: correct the setting; or run "
        f"`playfold topics repartition {max(existing, topic.partitions)}`, which copies the state to new topics; "
        "or, without a state to keep, delete the topic and run `playfold topics create`."
    )


_LOSSES = {"delete": "plays would vanish", "compact": "records would age out"}


def _policies(cleanup_policy: str) -> set[str]:
    """Return the words of a cleanup policy; their order depends on the broker."""
    return {word.strip() for word in cleanup_policy.split(",")}


def _existing(admin: Any, names: set[str], kafka: KafkaSettings) -> list[str]:
    """Return the names of the existing topics among those named.

    Raises:
        TopicsError: The right to describe a topic is missing: Kafka then leaves it out of the list of all topics.
    """
    existing = names & set(admin.list_topics())
    absent = sorted(names - existing)
    described = admin.describe_topics(absent) if absent else []
    refused = [topic["name"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno]
    if refused:
        raise _refused(kafka, "DESCRIBE", refused)
    return sorted(existing)


def _refused(kafka: KafkaSettings, operation: str, topics: Iterable[str]) -> TopicsError:
    return TopicsError(describe_missing(kafka, [Right(operation, "topic", topic) for topic in topics]))


def _describe(admin: Any, names: set[str], kafka: KafkaSettings) -> dict[str, ClusterTopic]:
    """Return the existing topics among those named."""
    existing = _existing(admin, names, kafka)
    if not existing:
        return {}
    partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(existing)}
    resources = [ConfigResource("TOPIC", name) for name in existing]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    refused = [name for name in existing if not configs[name]]
    if refused:  # the admin client overlooks the error
        raise _refused(kafka, "DESCRIBE_CONFIGS", refused)
    return {
        name: ClusterTopic(
            partitions=partitions[name],
            cleanup_policy=configs[name]["cleanup.policy"]["value"],
            message_bytes_max=int(configs[name]["max.message.bytes"]["value"]),
            configs={option: str(config["value"]) for option, config in configs[name].items()},
        )
        for name in existing
    }


@contextmanager
def admin_client(kafka: KafkaSettings) -> Iterator[Any]:
    """Open an admin client; an error of Kafka in the block becomes a `TopicsError` of one sentence."""
    timeout_ms = int(kafka.timeout_s * 1000)
    _await_connection(kafka)
    with ExitStack() as stack:
        try:
            admin = new_admin(
                kafka,
                bootstrap_timeout_ms=timeout_ms,
                request_timeout_ms=timeout_ms,
            )
            stack.callback(admin.close)
            yield admin
        except (KafkaTimeoutError, KafkaConnectionError) as error:
            fault = find_fault_in_thread(kafka)
            raise (TopicsError(fault) if fault else _unanswered(kafka)) from error
        except KafkaError as error:
            reason = getattr(error, "description", "").rstrip(".") or error
            message = (
                f"Kafka at {kafka.brokers} refused ({type(error).__name__}: {reason}): "
                f"correct the named thing in the settings or on the cluster."
            )
            raise TopicsError(message) from error


def _await_connection(kafka: KafkaSettings) -> None:
    """Wait until a broker accepts a connection.

    The admin client waits as well, but after a time-out it leaks sockets and a running thread.
    """
    deadline = time.monotonic() + kafka.timeout_s
    while time.monotonic() < deadline:
        for broker in kafka.brokers.split(","):
            host, _, port = broker.rpartition(":")
            # A port beyond 65535 is an OverflowError.
            with (
                suppress(OSError, OverflowError),
                socket.create_connection((host.strip("[]"), int(port)), timeout=kafka.timeout_s),
            ):
                return _check_accepted(kafka)
        time.sleep(0.1)
    raise _unanswered(kafka)


def _check_accepted(kafka: KafkaSettings) -> None:
    """Check that the brokers accept the connection: the admin client would report no cause."""
    try:
        verify_connection(kafka)
    except UnreachableError as error:
        raise TopicsError(str(error)) from error


def _unanswered(kafka: KafkaSettings) -> TopicsError:
    return TopicsError(
        f"Kafka did not answer at {kafka.brokers} within {kafka.timeout_s:g} s: "
        f"start it (`playfold broker`), or correct PLAYFOLD_BROKERS."
    )
