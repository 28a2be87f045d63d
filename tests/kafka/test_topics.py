"""The topics on a real Kafka."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource

from streams.kafka.ports import free_port
from streams.messages.records import RejectedPlay
from streams.settings import PREFIX, Settings, flat_values, override
from streams.topics.admin import TopicsError, create_topics, delete_topics, verify_topics
from streams.topics.topics import TopicNames, declare_topics, topic_names
from tests.support.topics import delete, grow_topic
from tests.support.wait import block_until

# What the command line needs to know to find the test's topics.
TOLD = ("brokers", "group", "topic_prefix", "partitions", "kafka_timeout_s")


def run_topics(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `playfold topics` under these settings."""
    environment = {f"{PREFIX}{name.upper()}": str(flat_values(settings)[name]) for name in TOLD}
    command = [sys.executable, "-W", "ignore", "-m", "cli.main", "topics", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def change(settings: Settings, **changed: Any) -> Settings:
    """Return the settings with some of them changed."""
    return override(settings, **changed)


def administrate(settings: Settings, act: Callable[[Any], Any]) -> None:
    """Do something to the cluster that playfold would not."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        act(admin)


def every_name(names: TopicNames) -> list[str]:
    """Return the names of all topics, in the order in which they are created."""
    of_listeners = [names.plays, names.plays_rejected, names.recommendations, names.private_recommendations]
    of_items = [names.generations, names.related_items, names.popular_items, names.catalog]
    return [*of_listeners, *of_items, names.pulse, names.users_changelog]


def test_create_makes_every_topic_once(settings: Settings) -> None:
    """The first call names the created topics, the second creates nothing."""
    names = topic_names(settings)

    created = create_topics(settings)

    expected = every_name(names)
    assert expected == created
    assert create_topics(settings) == []


def test_created_topics_are_verified(settings: Settings, names: TopicNames) -> None:
    """`create` declares the topics as `verify` expects them, with other partitions too."""
    verify_topics(settings)

    other = change(
        settings,
        partitions=2,
        topic_prefix=f"{settings.topics.prefix}other.",
        group=f"{settings.application.group}-other",
    )
    create_topics(other)
    verify_topics(other)
    assert topic_names(other).plays in delete_topics(other)
    assert names.plays not in delete_topics(other)


def test_two_playfolds_share_a_cluster(settings: Settings, names: TopicNames) -> None:
    """Topics of another prefix and group are not mistaken for one's own."""
    other = change(settings, topic_prefix=f"other-{names.plays}.", group=f"{settings.application.group}-other")

    with pytest.raises(TopicsError, match=f"^Topic {topic_names(other).plays} is missing"):
        verify_topics(other)


def test_a_missing_topic_is_named(settings: Settings, names: TopicNames) -> None:
    """The sentence names the topic and the command that creates it; the command line ends with status 1."""
    delete(settings, names.recommendations)
    sentence = f"Topic {names.recommendations} is missing: run `playfold topics create`."

    with pytest.raises(TopicsError) as caught:
        verify_topics(settings)
    ended = run_topics(settings, "verify")

    assert sentence == str(caught.value)
    assert 1 == ended.returncode
    assert "" == ended.stdout
    assert f"{sentence}\n" == ended.stderr


def test_unequal_partitions_are_named(settings: Settings, names: TopicNames) -> None:
    """One more partition on one topic, and users would be split between workers."""
    grow_topic(settings, names.recommendations, 5)
    sentence = (
        f"Topic {names.recommendations} has 5 partitions, but PLAYFOLD_PARTITIONS is 4 for all alike: "
        "correct the setting; or run `playfold topics repartition 5`, which copies the state to new topics; "
        "or, without a state to keep, delete the topic and run `playfold topics create`."
    )

    with pytest.raises(TopicsError) as caught:
        verify_topics(settings)
    ended = run_topics(settings, "create")

    assert sentence == str(caught.value)
    assert 1 == ended.returncode
    assert "" == ended.stdout
    assert f"{sentence}\n" == ended.stderr


def policy_of(settings: Settings, topic: str) -> str:
    """Return the cleanup policy of a topic; Kafka applies a change after it has acknowledged it."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        configs = admin.describe_configs([ConfigResource("TOPIC", topic)], config_filter="all")
        return str(configs["topic"][topic]["cleanup.policy"]["value"])


@pytest.mark.parametrize(
    ("topic", "policy", "needed", "loss"),
    [
        ("plays", "compact", "delete", "plays would vanish"),
        ("users_changelog", "delete", "compact", "records would age out"),
        ("recommendations", "compact,delete", "compact", "records would age out"),
        ("generations", "delete", "compact", "records would age out"),
    ],
)
def test_a_wrong_cleanup_policy_is_named(
    settings: Settings, names: TopicNames, topic: str, policy: str, needed: str, loss: str
) -> None:
    """A compacted `plays` loses plays, a changelog that is not compacted loses listeners."""
    name = getattr(names, topic)
    resource = ConfigResource("TOPIC", name, {"cleanup.policy": policy})
    administrate(settings, lambda admin: admin.alter_configs([resource]))
    block_until(lambda: policy == policy_of(settings, name))
    sentence = (
        f"Topic {name} has cleanup.policy={policy}, under which {loss}: alter the topic to cleanup.policy={needed}."
    )

    with pytest.raises(TopicsError) as caught:
        verify_topics(settings)

    assert sentence == str(caught.value)


def test_a_rejected_play_of_the_largest_size_fits(settings: Settings, names: TopicNames) -> None:
    """Kafka takes every record of `plays` on `plays-rejected`."""
    with closing(KafkaProducer(bootstrap_servers=settings.kafka.brokers, max_request_size=4_000_000)) as producer:
        # What surrounds a value on the wire takes a few bytes of the topic's limit.
        (limit,) = [int(t.configs["max.message.bytes"]) for t in declare_topics(settings) if t.name == names.plays]
        value = b"\xff" * (limit - 100)
        producer.send(names.plays, key=b"u", value=value).get(10)
        rejected = RejectedPlay(topic="plays", partition=0, offset=0, reason="r" * 200, key=b"u", value=value)

        stored = producer.send(names.plays_rejected, msgspec.json.encode(rejected)).get(10)

    assert names.plays_rejected == stored.topic


def test_an_unreachable_kafka_is_named_in_time(settings: Settings) -> None:
    """No broker: a sentence within the time-out, by the function and by the command line."""
    away = change(settings, brokers=f"127.0.0.1:{free_port()}", kafka_timeout_s=1.0)
    at = away.kafka.brokers
    sentence = f"Kafka did not answer at {at} within 1 s: start it (`playfold broker`), or correct PLAYFOLD_BROKERS."

    with pytest.raises(TopicsError) as caught:
        verify_topics(away)
    ended = run_topics(away, "create")

    assert sentence == str(caught.value)
    assert 1 == ended.returncode
    assert "" == ended.stdout
    assert f"{sentence}\n" == ended.stderr


def test_a_port_that_never_answers_is_named_in_time(settings: Settings) -> None:
    """A server that accepts connections and never answers does not block the command either."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        away = change(settings, brokers=f"127.0.0.1:{mute.getsockname()[1]}", kafka_timeout_s=1.0)

        ended = run_topics(away, "verify")

    at = away.kafka.brokers
    sentence = f"Kafka did not answer at {at} within 1 s: start it (`playfold broker`), or correct PLAYFOLD_BROKERS."
    assert 1 == ended.returncode
    assert "" == ended.stdout
    assert f"{sentence}\n" == ended.stderr


def test_more_copies_than_brokers_is_a_sentence(settings: Settings) -> None:
    """Kafka's own reason is reported, without the request."""
    with pytest.raises(TopicsError) as caught:
        create_topics(change(settings, replication=3))

    expected = (
        f"Kafka at {settings.kafka.brokers} refused (InvalidReplicationFactorError: Replication-factor is invalid): "
        f"correct the named thing in the settings or on the cluster."
    )
    assert expected == str(caught.value)


def test_the_command_creates_and_verifies(settings: Settings) -> None:
    """`playfold topics create` and `verify` answer in a sentence, or in JSON for machines."""
    names = topic_names(settings)

    created = run_topics(settings, "create", "--json")
    again = run_topics(settings, "create")
    verified = run_topics(settings, "verify")

    expected = every_name(names)
    assert {"created": expected} == json.loads(created.stdout)
    assert again.stdout == "All topics exist already.\n"
    assert verified.stdout == f"All {len(expected)} topics exist as declared.\n"
    assert created.returncode == 0
    assert again.returncode == 0
    assert verified.returncode == 0
