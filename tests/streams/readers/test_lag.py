"""The lag, against clients that answer from memory."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.readers import lag as module
from streams.readers.lag import Lag
from streams.readers.log_reader import Span
from streams.settings import Settings
from tests.support.settings import settings_with

PLAYS = TopicPartition("plays", 0)


class Consumer:
    """A topic of one partition, with seven records."""

    def __init__(self) -> None:
        """Answer requests for metadata at once."""
        self._client = SimpleNamespace(force_metadata_update=self._update)

    async def _update(self) -> None:
        """Change nothing."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the partition."""
        assert topic == PLAYS.topic
        return {PLAYS.partition}

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the beginning."""
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end."""
        return dict.fromkeys(partitions, 7)


class NewCluster:
    """An admin client of a cluster without a group: it answers from the third request on."""

    def __init__(self) -> None:
        """Count requests."""
        self.n_requests = 0

    async def list_consumer_group_offsets(self, group: str) -> dict[TopicPartition, Any]:
        """Refuse twice."""
        assert group == Settings().application.group
        self.n_requests += 1
        if self.n_requests < 3:
            raise GroupCoordinatorNotAvailableError
        return {}


async def test_a_cluster_without_a_group_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka creates its topic of offsets on the first request, and refuses until it is there."""
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    cluster = NewCluster()

    spans = await Lag(Consumer(), cluster, Settings()).spans()

    assert {0: Span(0, 7)} == spans
    assert 3 == cluster.n_requests


async def test_a_cluster_that_refuses_for_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lag is asked for again for as long as Kafka may take, and no longer."""
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    cluster = NewCluster()
    cluster.n_requests = -1_000_000

    with pytest.raises(GroupCoordinatorNotAvailableError):
        await Lag(Consumer(), cluster, settings_with(kafka_timeout_s=0.05)).spans()
