"""The guard of the topics, against a cluster in memory."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.plays import lost_plays
from agents.plays.lost_plays import LostPlays
from agents.plays.topic_guard import TopicGuard
from state.keys import EPOCH_KEY
from state.users.partition import PartitionState, Place
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.store import UserStore
from state.users.topic_rules import TopicChangedError
from streams.connection.credentials import CredentialsError
from streams.consumer.slices import Slice
from streams.messages.generations import StateTopics, state_topics_key
from streams.outbox import Item
from streams.positions import position_of
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
        self.n_asked = 0

    async def identify(self, _client: object, names: list[str]) -> dict[str, TopicIdentity]:
        """Answer as a broker does."""
        self.n_asked += 1
        return {
            name: TopicIdentity(self.ids[name], dict.fromkeys(range(self.partitions[name]), 1))
            for name in names
            if name in self.ids
        }

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


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Give the scene."""
    made = Scene(tmp_path, monkeypatch)
    yield made
    made.state.close()


async def test_a_state_without_an_id_adopts_the_present_one(scene: Scene) -> None:
    """Once, with its epoch, in the changelog."""
    await scene.admit(10)
    await scene.admit(11)

    assert [EPOCH_KEY] == [key for key, _ in scene.written]
    assert PlaysEpoch(0, "plays-id") == scene.state.epoch == read_epoch(scene.written[0][1])


async def test_every_group_is_checked(scene: Scene) -> None:
    """A slice that was fetched from another topic is refused, without a question to Kafka."""
    await scene.admit(10)
    scene.fetched_id = "new-id"

    with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is new-id"):
        await scene.admit(11)


async def test_a_state_without_an_id_adopts_that_of_its_plays(scene: Scene) -> None:
    """Though the topic has been made again since they were fetched: the next look at the cluster notices that."""
    scene.fetched_id = "old-id"

    await scene.admit(10)

    assert PlaysEpoch(0, "old-id") == scene.state.epoch == read_epoch(scene.written[0][1])
    with pytest.raises(TopicChangedError, match=r"its id is plays-id, and partition 0 of the state was .* id old-id\."):
        await scene.guard._check_all(asyncio.Lock(), scene.write)  # noqa: SLF001  one turn of the watch


async def test_a_group_that_goes_back_is_compared_with_the_end(scene: Scene) -> None:
    """A redelivery is fine; a topic that ends before delivered plays lost records."""
    await scene.admit(10, 40)
    await scene.admit(10, 5)
    scene.cluster.ends[NAMES.plays] = 30

    await scene.admit(50)
    with pytest.raises(TopicChangedError, match=r"ends at offset 30 in partition 0, but its plays up to offset 50 "):
        await scene.admit(20)


async def test_offsets_without_a_gap_ask_kafka_nothing(scene: Scene) -> None:
    """Slices of one partition follow each other."""
    await scene.admit(10)
    before = scene.cluster.n_asked

    await scene.guard.admit([scene.slice(11, 3), scene.slice(14, 2)], scene.write)

    assert before == scene.cluster.n_asked


async def test_control_records_are_admitted(scene: Scene) -> None:
    """A slice without records has the offset of its message; the next play directly behind it is no gap."""
    await scene.admit(10)
    marker = Slice(NAMES.plays, 0, (), cast(Any, SimpleNamespace(offset=12)), "plays-id")

    await scene.guard.admit([marker], scene.write)
    before = scene.cluster.n_asked
    await scene.admit(13)

    assert before == scene.cluster.n_asked


async def test_a_marker_behind_plays_is_no_gap(scene: Scene) -> None:
    """A slice ends at the control records behind its last play, so the next play follows directly."""
    await scene.admit(10)
    records, end = slice_of(0, 11, (b"k", b"{}")).records, cast(Any, SimpleNamespace(offset=12))
    before = scene.cluster.n_asked

    await scene.guard.admit([Slice(NAMES.plays, 0, records, end, "plays-id")], scene.write)
    await scene.admit(13)

    assert before == scene.cluster.n_asked


async def test_a_gap_is_counted_if_kafka_deleted_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets of transaction markers are missing as well, and are no loss."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await scene.admit(10)
    await scene.admit(12)
    assert {} == scene.guard.lost
    scene.cluster.starts[NAMES.plays] = 30

    await scene.admit(30)

    assert {0: 17} == scene.guard.lost


async def test_plays_deleted_after_their_delivery_are_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short retention may have deleted the delivered ones behind the gap by now."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await scene.admit(10)
    scene.cluster.starts[NAMES.plays] = 40

    await scene.admit(30)

    assert {0: 30 - 11} == scene.guard.lost


async def test_a_partition_may_go_while_all_are_checked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebalance takes it between two answers of Kafka."""

    async def revoked(client: object, names: list[str]) -> dict[str, TopicIdentity]:
        scene.store.partitions.clear()
        return await scene.cluster.identify(client, names)

    monkeypatch.setattr(topic_identities, "identify_topics", revoked)
    async with scene.outbox:
        await scene.guard._check_all(asyncio.Lock(), scene.write)  # noqa: SLF001  one turn of the watch

    assert {} == scene.store.partitions


async def test_a_changelog_is_compared_before_it_is_read(scene: Scene) -> None:
    """A state adopts the id, and refuses another one from then on."""
    await scene.guard.check_opened(0, scene.state)
    assert "playfold-users-changelog-id" == scene.state.changelog_id
    scene.cluster.ids[NAMES.users_changelog] = "new-id"

    with pytest.raises(TopicChangedError, match=r"belongs to the one with id playfold-users-changelog-id"):
        await scene.guard.check_opened(0, scene.state)


@pytest.mark.virtual_time
async def test_a_publication_that_kafka_refuses_does_not_end_the_watch(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and tried again."""
    scene.outbox.refused[NAMES.generations] = KafkaError("later")
    async with scene.outbox:
        watching = asyncio.create_task(scene.guard.watch(asyncio.Lock(), scene.write))
        await asyncio.sleep(3.5)
        scene.outbox.refused.clear()
        await asyncio.sleep(1)
        watching.cancel()

    assert 1 == caplog.messages.count("topics_unchecked")
    assert 1 == len(scene.outbox.logs[NAMES.generations, 0])


@pytest.mark.virtual_time
async def test_the_topics_of_the_state_are_published(scene: Scene) -> None:
    """Once, for all readers; a change is published again."""
    async with scene.outbox:
        watching = asyncio.create_task(scene.guard.watch(asyncio.Lock(), scene.write))
        await asyncio.sleep(5)
        watching.cancel()

    ((_, value),) = scene.outbox.logs[NAMES.generations, 0]
    expected = StateTopics(plays_id="plays-id", changelog_id="playfold-users-changelog-id", epoch=0, partitions=2)
    assert expected == msgspec.json.decode(value or b"", type=StateTopics)


@pytest.mark.virtual_time
async def test_a_token_that_cannot_be_read_for_a_moment_does_not_end_the_watch(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that connects reads the token, whose file may be rewritten in place."""
    failures, n_measured = [CredentialsError("The token has an empty first line.")], 0

    async def measured(*_: object) -> None:
        nonlocal n_measured
        n_measured += 1
        if failures:
            raise failures.pop()

    monkeypatch.setattr(LostPlays, "measure", measured)
    async with scene.outbox:
        watching = asyncio.create_task(scene.guard.watch(asyncio.Lock(), scene.write))
        await asyncio.sleep(5)
        assert not watching.done()
        watching.cancel()

    assert 2 == n_measured, "a failed measurement is repeated, once"
    assert 1 == len(scene.outbox.logs[NAMES.generations, 0])


@pytest.mark.virtual_time
async def test_a_topic_that_grows_ends_the_watch(scene: Scene) -> None:
    """Also one that nothing is read from."""
    scene.cluster.partitions[NAMES.recommendations] = 3

    with pytest.raises(TopicChangedError, match=r"^Topic recommendations has 3 partitions now"):
        await scene.guard.watch(asyncio.Lock(), scene.write)


@pytest.mark.virtual_time
async def test_a_topic_is_gone_after_some_seconds(scene: Scene) -> None:
    """A broker that starts knows no topic for a moment."""
    loop = asyncio.get_running_loop()
    removed = scene.cluster.ids.pop(NAMES.plays)
    loop.call_later(2, scene.cluster.ids.__setitem__, NAMES.plays, removed)
    await scene.admit(10)
    del scene.cluster.ids[NAMES.plays]

    with pytest.raises(TopicChangedError, match=r"^Topic plays does not exist any more\. .* `playfold state rebase`"):
        await scene.guard.watch(asyncio.Lock(), scene.write)


async def test_positions_of_the_epoch_are_compared(scene: Scene) -> None:
    """Offsets of the topic before say nothing about the end of this one; those of the present epoch do."""
    scene.state.commit([(EPOCH_KEY, PlaysEpoch(1, "plays-id").encode())], Place(21, position_of(0, 5_000)))
    await scene.admit(0)
    scene.state.commit([], Place(22, position_of(1, 5_000)))

    with pytest.raises(TopicChangedError, match=r"ends at offset 100 in .* up to offset 5,000 "):
        await scene.admit(0)


def published(plays_id: str, changelog_id: str) -> bytes:
    """Return the record of the topics of the state."""
    return msgspec.json.encode(StateTopics(plays_id=plays_id, changelog_id=changelog_id, epoch=0, partitions=2))


async def test_a_state_without_ids_is_compared_with_the_published_ones(scene: Scene) -> None:
    """A wiped disk, or a partition that no worker has verified, does not adopt another topic."""
    scene.guard.on_record(state_topics_key(SETTINGS.application.group), published("old-plays", "old-changelog"))

    with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is plays-id, and "):
        await scene.admit(10)
    with pytest.raises(TopicChangedError, match=r"id old-changelog, of which this disk has no state\. Restore it;"):
        await scene.guard.check_opened(0, scene.state)

    assert [] == scene.written


async def test_the_published_ids_are_adopted(scene: Scene) -> None:
    """They are those on the cluster."""
    scene.guard.on_record(
        state_topics_key(SETTINGS.application.group), published("plays-id", "playfold-users-changelog-id")
    )

    await scene.guard.check_opened(0, scene.state)
    await scene.admit(10)

    assert "plays-id" == scene.state.epoch.topic_id
    assert "playfold-users-changelog-id" == scene.state.changelog_id


@pytest.mark.virtual_time
async def test_a_watch_waits_for_no_group(scene: Scene) -> None:
    """It takes the lock of groups once, to verify the state; then a remade topic is noticed while a group goes on."""
    turn = asyncio.Lock()
    await scene.outbox.start()
    watching = asyncio.create_task(scene.guard.watch(turn, scene.write))
    await asyncio.sleep(3)
    async with turn:
        scene.cluster.ids[NAMES.plays] = "new-id"
        with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is new-id"):
            await asyncio.wait_for(watching, 3)


@pytest.mark.virtual_time
async def test_records_of_a_group_during_a_watch_are_no_lost_ones(scene: Scene) -> None:
    """The ends that Kafka gave before them are compared with the places of before the question."""

    async def grow(tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        before = dict(scene.cluster.ends)
        scene.cluster.ends = {topic: end + 100 for topic, end in before.items()}
        scene.state.commit([], Place(before[NAMES.users_changelog] + 99, before[NAMES.plays] + 99))
        return {tp: before[tp.topic] for tp in tps}

    await scene.outbox.start()
    await scene.admit(10)
    scene.cluster.end_offsets = grow  # type: ignore[method-assign]
    watching = asyncio.create_task(scene.guard.watch(asyncio.Lock(), scene.write))
    await asyncio.sleep(5)

    assert not watching.done()
    watching.cancel()


@pytest.mark.virtual_time
async def test_a_worker_that_fetches_a_topic_that_is_gone_ends(scene: Scene) -> None:
    """The state may be of the present one, while a broker that lagged behind gave the old id."""
    await scene.admit(10)
    scene.fetched_id = "old-id"

    with pytest.raises(TopicChangedError, match=r"fetches the one with id old-id\. Start the worker again\.$"):
        await scene.guard.watch(asyncio.Lock(), scene.write)


async def test_the_ids_of_all_topics_are_known_from_the_start(scene: Scene) -> None:
    """As of the last check; the present id and the end of a partition can be asked for."""
    await scene.guard._check_partitions()  # noqa: SLF001  one turn of the watch
    scene.cluster.ids[NAMES.recommendations] = "new-id"
    scene.cluster.ends[NAMES.recommendations] = 7

    assert f"{NAMES.recommendations}-id" == scene.guard.present_ids[NAMES.recommendations]
    assert "new-id" == await scene.guard.identify(NAMES.recommendations)
    assert 7 == await scene.guard.end_of(NAMES.recommendations, 1)


async def test_an_earlier_id_is_of_a_broker_that_is_behind(scene: Scene) -> None:
    """Kafka never gives it again."""
    for topic_id in ("old", "new", "old"):
        scene.cluster.ids[NAMES.recommendations] = topic_id
        await scene.guard._check_partitions()  # noqa: SLF001  one turn of the watch

    assert "new" == scene.guard.present_ids[NAMES.recommendations]


@pytest.mark.virtual_time
async def test_the_topics_of_the_state_are_published_to_a_topic_made_again(scene: Scene) -> None:
    """Readers would not know them otherwise until the next start."""
    async with scene.outbox:
        watching = asyncio.create_task(scene.guard.watch(asyncio.Lock(), scene.write))
        await asyncio.sleep(5)
        scene.guard.publish_again()
        await asyncio.sleep(5)
        watching.cancel()

    assert 2 == len(scene.outbox.logs[NAMES.generations, 0])
