"""Whether Kafka takes the records of a topic, by the settings of the topic."""

from collections.abc import Mapping

from streams.process.format_text import pluralize
from streams.topics.topics import BATCH_BYTES_MAX, MIB

IN_SYNC = "min.insync.replicas"
BATCH_HEADER_BYTES = 61


def find_write_fault(name: str, n_replicas: int, configs: Mapping[str, str], bytes_max: int | None) -> str | None:
    """Return a sentence with the reason why Kafka would refuse records of playfold, None if it takes them.

    Args:
        name: The topic.
        n_replicas: Copies of its partitions.
        configs: Its settings, those of the cluster included.
        bytes_max: The largest batch that it takes; None for a topic whose batches are those of producers.
    """
    in_sync = int(configs.get(IN_SYNC, "1"))
    if in_sync > n_replicas:
        return (
            f"Topic {name} has {IN_SYNC}={in_sync} and {pluralize(n_replicas, 'replica')}, so Kafka refuses every "
            f"record: alter the topic to {IN_SYNC}={n_replicas}, or add replicas."
        )
    if bytes_max is not None and bytes_max < BATCH_BYTES_MAX + BATCH_HEADER_BYTES:
        return (
            f"Topic {name} takes messages of {bytes_max} bytes, but playfold writes batches of {BATCH_BYTES_MAX} "
            f"bytes: alter the topic to max.message.bytes={MIB}."
        )
    return None
