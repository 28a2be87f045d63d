"""The Kafka cluster itself: its name, its version, its brokers."""

import msgspec

from streams.settings.deployment import KafkaSettings
from streams.topics.admin import admin_client


class Cluster(msgspec.Struct, frozen=True):
    """A Kafka cluster as it describes itself."""

    cluster_id: str
    version: str
    """The newest version whose requests the broker that was asked knows."""
    n_brokers: int
    n_fenced: int = 0
    """Of those, brokers that the controller keeps out of service."""


def describe_cluster(kafka: KafkaSettings) -> Cluster:
    """Ask the cluster what it is.

    Raises:
        TopicsError: Kafka cannot be reached or refuses.
    """
    with admin_client(kafka) as admin:
        found = admin.describe_cluster()
        brokers = found["brokers"]
        version = admin.get_broker_version_data(brokers[0]["broker_id"]).broker_version
    return Cluster(
        cluster_id=found["cluster_id"],
        version=".".join(map(str, version)),
        n_brokers=len(brokers),
        n_fenced=sum(bool(broker.get("is_fenced")) for broker in brokers),
    )
