"""The partition of a key."""

from aiokafka.partitioner import DefaultPartitioner as AioPartitioner
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner

from streams.partitioning import partition_of


class Cluster:
    """As much of a cluster as kafka-python's partitioner asks for."""

    def __init__(self, n: int) -> None:
        """Have `n` partitions."""
        self._partitions = set(range(n))

    def topics(self) -> set[str]:
        """Return the topics."""
        return {"plays"}

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return the partitions."""
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128), st.integers(1, 1024))
def test_the_partition_is_that_of_the_usual_clients(user_id: str, n: int) -> None:
    """kafka-python and aiokafka compute the same partition of a key."""
    expected = DefaultPartitioner().partition("plays", user_id, user_id.encode(), None, None, Cluster(n))

    assert expected == partition_of(user_id, n)
    assert AioPartitioner()(user_id.encode(), list(range(n)), list(range(n))) == partition_of(user_id, n)
