"""The Kafka cluster: its id, its version and its brokers."""

import msgspec
from kafka import TopicPartition

from streams.settings.deployment import KafkaSettings
from streams.topics.admin import admin_client


class Cluster(msgspec.Struct, frozen=True):
    """A Kafka cluster as it describes itself."""

    cluster_id: str
    version: str
    """The newest version whose requests the asked broker supports."""
    n_brokers: int
    n_fenced: int = 0
    """The number of brokers among them that the controller fences."""


def describe_cluster(kafka: KafkaSettings) -> Cluster:
    """Request the description of the cluster.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    with admin_client(kafka) as admin:
        description = admin.describe_cluster()
        brokers = description["brokers"]
        version = admin.get_broker_version_data(brokers[0]["broker_id"]).broker_version
    return Cluster(
        cluster_id=description["cluster_id"],
        version=".".join(map(str, version)),
        n_brokers=len(brokers),
        n_fenced=sum(bool(broker.get("is_fenced")) for broker in brokers),
    )


def find_producer(tp: TopicPartition, offset: int, kafka: KafkaSettings) -> int | None:
    """Return the id of the producer whose open transaction begins at an offset; None without one.

    Raises:
        TopicsError: Kafka did not answer, or refused.
    """
    with admin_client(kafka) as admin:
        producers = admin.describe_producers([tp])[tp].active_producers
    ids = [one.producer_id for one in producers if one.current_transaction_start_offset == offset]
    return ids[0] if ids else None
