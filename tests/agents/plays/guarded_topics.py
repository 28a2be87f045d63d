"""A guard of topics, and a cluster that answers it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from agents.plays import cluster_topics
from agents.plays.lost_plays import LostPlays
from agents.plays.topic_guard import TopicGuard
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.store import UserStore
from streams.consumer.slices import Slice
from streams.outbox import Item
from streams.readers import topic_identities
from streams.topics.identity import TopicIdentity
from streams.topics.topics import declare_topics, topic_names
from tests.support.deliveries import slice_of
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with

SETTINGS = settings_with(partitions=2)
NAMES = topic_names(SETTINGS)


class Cluster:
    """Topics with ids and ends, which a test changes."""

    def __init__(self) -> None:
        """Begin with all topics; plays end at offset 100, and changelogs at 50."""
        self.ids = {topic.name: f"{topic.name}-id" for topic in declare_topics(SETTINGS)}
        self.partitions = {topic.name: topic.partitions for topic in declare_topics(SETTINGS)}
        self.starts = {NAMES.plays: 0, NAMES.users_changelog: 0}
        self.ends = {NAMES.plays: 100, NAMES.users_changelog: 50}
        self.ids_behind: dict[str, str] = {}
        """The ids that a second broker gives to some topics, since it is behind."""
        self.fault: Exception | None = None
        """Raised in place of the ids that all brokers give."""
        self.n_asked = 0

    async def identify(self, _client: object, names: list[str]) -> dict[str, TopicIdentity]:
        """Answer as a broker does."""
        self.n_asked += 1
        return {
            name: TopicIdentity(self.ids[name], dict.fromkeys(range(self.partitions[name]), 1))
            for name in names
            if name in self.ids
        }

    async def ids_by_broker(self, _client: object, _names: object) -> dict[int, dict[str, str]]:
        """Answer as two brokers do."""
        self.n_asked += 1
        if self.fault is not None:
            raise self.fault
        return {1: self.ids, 2: self.ids | self.ids_behind}

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends."""
        self.n_asked += 1
        return {tp: self.ends[tp.topic] for tp in tps}

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the beginnings."""
        self.n_asked += 1
        return {tp: self.starts[tp.topic] for tp in tps}


class Scene:
    """A guard of a store with one partition."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Open a partition that contains plays up to offset 9."""
        self.cluster, self.outbox = Cluster(), MemoryOutbox(SETTINGS.kafka)
        self.state = PartitionState(folder / "0")
        self.state.commit([], Place(20, 9))
        self.store = SimpleNamespace(partitions={0: self.state}, settled=True, on_opened=None)
        self.fetched_id = "plays-id"
        self.guard = TopicGuard(cast(UserStore, self.store), self.outbox, SETTINGS, self.fetched)
        self.guard._cluster._consumer = cast(Any, self.cluster)  # noqa: SLF001  in place of a connection
        self.cluster._client = None  # type: ignore[attr-defined]  # noqa: SLF001
        self.written: list[Item] = []
        monkeypatch.setattr(topic_identities, "identify_topics", self.cluster.identify)
        monkeypatch.setattr(cluster_topics, "topic_ids_by_broker", self.cluster.ids_by_broker)
        monkeypatch.setattr(LostPlays, "measure", self._measured)

    def fetched(self, topic: str) -> str:
        """Return the id by which a topic is fetched."""
        return self.fetched_id if topic == NAMES.plays else ""

    async def _measured(self, _partitions: object) -> None:
        """Measure nothing: that asks the group."""

    async def write(self, partition: int, items: list[Item]) -> None:
        """Write as the committer does."""
        assert partition == 0
        self.written += items
        self.state.commit(items, Place(self.state.place.changelog_offset + 1, self.state.place.applied_offset_max))

    async def admit(self, first: int, n: int = 1) -> None:
        """Check a group of one slice."""
        await self.guard.admit([self.slice(first, n)], self.write)

    def slice(self, first: int, n: int = 1) -> Slice:
        """Return a slice of partition 0."""
        return slice_of(0, first, *[(b"k", b"{}")] * n)._replace(topic_id=self.fetched_id)
