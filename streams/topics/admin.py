"""Topics on the cluster: created, deleted, and held against what they should be."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from streams.process.format_text import pluralize
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.topics import FLEETING, Topic, declare_topics, topic_names


class TopicsError(ValueError):
    """The topics are not as playfold needs them; the message names the topic and the way out.

    Run `playfold topics create` for a missing one; alter or delete one that differs.
    """


class FoundTopic(msgspec.Struct, frozen=True):
    """A topic as it stands on the cluster."""

    partitions: int
    cleanup_policy: str
    message_bytes_max: int


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; the others are left as they are.

    Returns:
        The names of those created, in the order of their declaration.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    timeout_ms = int(settings.kafka.timeout_s * 1000)
    # One copy may be away without a stop.
    durable = {"min.insync.replicas": str(max(1, settings.topics.replication - 1))}
    created = []
    with admin_client(settings.kafka) as admin:
        there = set(admin.list_topics())
        for topic in declare_topics(settings):
            if topic.name in there:
                continue
            options = {
                "num_partitions": topic.partitions,
                "replication_factor": settings.topics.replication,
                "configs": topic.configs | durable,
            }
            # Whoever else creates it at the same time declares it alike.
            try:
                admin.create_topics({topic.name: options}, timeout_ms=timeout_ms, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                continue
            created.append(topic.name)
    return created


def delete_topics(settings: Settings) -> list[str]:
    """Delete the topics of these settings, with all that stands on them.

    Returns:
        The names of those deleted.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    declared = {topic.name for topic in declare_topics(settings)}
    with admin_client(settings.kafka) as admin:
        there = sorted(declared & set(admin.list_topics()))
        if there:
            admin.delete_topics(there, timeout_ms=int(settings.kafka.timeout_s * 1000))
    return there


def topic_ids(settings: Settings) -> dict[str, str]:
    """Return the ids that Kafka gave the topics that are there, by name: a topic that is made anew has another.

    Raises:
        TopicsError: Kafka cannot be reached.
    """
    declared = {topic.name for topic in declare_topics(settings)}
    with admin_client(settings.kafka) as admin:
        there = sorted(declared & set(admin.list_topics()))
        return {topic["name"]: str(topic["topic_id"]) for topic in admin.describe_topics(there)} if there else {}


def verify_topics(settings: Settings) -> None:
    """See that every topic is there and as playfold needs it.

    Raises:
        TopicsError: One is not, or Kafka cannot be reached.
    """
    with admin_client(settings.kafka) as admin:
        found = _describe(admin, {topic.name for topic in declare_topics(settings)})
    compare_topics(settings, found)


def compare_topics(settings: Settings, found: dict[str, FoundTopic]) -> None:
    """Compare what stands on the cluster, by name, with what is declared.

    Raises:
        TopicsError: The first thing that differs.
    """
    for topic in declare_topics(settings):
        _compare_topic(topic, found.get(topic.name))
    names = topic_names(settings)
    plays, rejected = found[names.plays], found[names.plays_rejected]
    # Base64 makes four bytes of three; the rest is room for the reason and the place.
    if rejected.message_bytes_max < plays.message_bytes_max * 4 // 3 + 4096:
        message = (
            f"Topic {names.plays} takes messages of {plays.message_bytes_max} bytes, too large for "
            f"{names.plays_rejected} at {rejected.message_bytes_max} bytes: raise max.message.bytes of the latter."
        )
        raise TopicsError(message)


def _compare_topic(topic: Topic, found: FoundTopic | None) -> None:
    """Compare one topic with its declaration."""
    if found is None:
        message = f"Topic {topic.name} is missing: run `playfold topics create`."
        raise TopicsError(message)
    if found.partitions != topic.partitions:
        rule = "it needs 1" if topic.partitions == 1 else f"PLAYFOLD_PARTITIONS is {topic.partitions} for all alike"
        message = (
            f"Topic {topic.name} has {pluralize(found.partitions, 'partition')}, but {rule}: "
            f"delete the topic and run `playfold topics create`, or correct the setting."
        )
        raise TopicsError(message)
    if _policies(found.cleanup_policy) != _policies(topic.cleanup_policy):
        fleeting = topic.configs.items() >= FLEETING.items()
        loss = (
            "private lists would stay" if fleeting else _LOSSES.get(topic.cleanup_policy, "records would stay for ever")
        )
        message = (
            f"Topic {topic.name} has cleanup.policy={found.cleanup_policy}, under which {loss}: "
            f"alter the topic to cleanup.policy={topic.cleanup_policy}."
        )
        raise TopicsError(message)


_LOSSES = {"delete": "plays would vanish", "compact": "records would age out"}


def _policies(told: str) -> set[str]:
    """Return what a cleanup policy asks for; brokers give the words in an order of their own."""
    return {word.strip() for word in told.split(",")}


def _describe(admin: Any, names: set[str]) -> dict[str, FoundTopic]:
    """Return the topics that are there, of those named."""
    there = sorted(names & set(admin.list_topics()))
    if not there:
        return {}
    partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(there)}
    resources = [ConfigResource("TOPIC", name) for name in there]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: FoundTopic(
            partitions=partitions[name],
            cleanup_policy=configs[name]["cleanup.policy"]["value"],
            message_bytes_max=int(configs[name]["max.message.bytes"]["value"]),
        )
        for name in there
    }


@contextmanager
def admin_client(kafka: KafkaSettings) -> Iterator[Any]:
    """Open an admin client; what goes wrong with Kafka in the block is said in one sentence."""
    timeout_ms = int(kafka.timeout_s * 1000)
    _await_connection(kafka)
    with ExitStack() as stack:
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=kafka.brokers.split(","),
                bootstrap_timeout_ms=timeout_ms,
                request_timeout_ms=timeout_ms,
            )
            stack.callback(admin.close)
            yield admin
        except (KafkaTimeoutError, KafkaConnectionError) as error:
            raise _unanswered(kafka) from error
        except KafkaError as error:
            reason = getattr(error, "description", "").rstrip(".") or error
            message = (
                f"Kafka at {kafka.brokers} refused ({type(error).__name__}: {reason}): "
                f"correct what it names, in the settings or on the cluster."
            )
            raise TopicsError(message) from error


def _await_connection(kafka: KafkaSettings) -> None:
    """Wait until one of the brokers takes a connection.

    The admin client would try as long, but leaves open sockets and a running thread behind when it gives up.
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
                return
        time.sleep(0.1)
    raise _unanswered(kafka)


def _unanswered(kafka: KafkaSettings) -> TopicsError:
    return TopicsError(
        f"Kafka did not answer at {kafka.brokers} within {kafka.timeout_s:g} s: "
        f"start it (`playfold broker`), or correct PLAYFOLD_BROKERS."
    )
