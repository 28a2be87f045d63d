"""The guard of the topics, against a cluster in memory."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiokafka.errors import NodeNotReadyError

from state.keys import EPOCH_KEY
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.topic_rules import TopicChangedError
from streams.messages.generations import StateTopics, state_topics_key
from streams.outbox import Item
from streams.positions import position_of
from streams.topics.identity import TopicIdentity
from tests.agents.plays.guarded_topics import NAMES, SETTINGS, Scene


async def test_a_state_without_an_id_adopts_the_present_one(guarded: Scene) -> None:
    """Once, with its epoch, in the changelog."""
    await guarded.admit(10)
    await guarded.admit(11)

    assert [EPOCH_KEY] == [key for key, _ in guarded.written]
    assert PlaysEpoch(0, "plays-id") == guarded.state.epoch == read_epoch(guarded.written[0][1])


async def test_every_group_is_checked(guarded: Scene) -> None:
    """A slice that was fetched from another topic is refused, without a question to Kafka."""
    await guarded.admit(10)
    guarded.fetched_id = "new-id"

    with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is new-id"):
        await guarded.admit(11)


async def test_a_state_without_an_id_adopts_that_of_its_plays(guarded: Scene) -> None:
    """Though the topic has been made again since they were fetched: the next look at the cluster notices that."""
    guarded.fetched_id = "old-id"

    await guarded.admit(10)

    assert PlaysEpoch(0, "old-id") == guarded.state.epoch == read_epoch(guarded.written[0][1])
    with pytest.raises(TopicChangedError, match=r"its id is plays-id, and partition 0 of the state was .* id old-id\."):
        await guarded.guard._check_all(asyncio.Lock(), guarded.write)  # noqa: SLF001  one turn of the watch


async def test_a_death_between_two_adoptions_leaves_no_state_with_another_topic(guarded: Scene, tmp_path: Path) -> None:
    """The next process compares all partitions before the rest of them adopt an id."""
    last = guarded.store.partitions[1] = PartitionState(tmp_path / "1")

    async def write(partition: int, items: list[Item]) -> None:
        if partition:
            raise KeyboardInterrupt
        await guarded.write(partition, items)

    async def verify(*partitions: int) -> None:
        plays = TopicIdentity(guarded.cluster.ids[NAMES.plays], dict.fromkeys(range(2), 1))
        await guarded.guard.verify(partitions, plays, write)

    with pytest.raises(KeyboardInterrupt):
        await verify(0, 1)
    assert "plays-id" == guarded.state.epoch.topic_id
    guarded.cluster.ids[NAMES.plays] = guarded.fetched_id = "other"

    with pytest.raises(TopicChangedError):
        await verify(1, 0)

    assert "" == last.epoch.topic_id
    last.close()


async def test_a_changelog_is_compared_before_it_is_read(guarded: Scene) -> None:
    """A state adopts the id, and refuses another one from then on."""
    await guarded.guard.check_opened(0, guarded.state)
    assert "playfold-users-changelog-id" == guarded.state.changelog_id
    guarded.cluster.ids[NAMES.users_changelog] = "new-id"

    with pytest.raises(TopicChangedError, match=r"belongs to the one with id playfold-users-changelog-id"):
        await guarded.guard.check_opened(0, guarded.state)


@pytest.mark.virtual_time
async def test_the_topics_of_the_state_are_published(guarded: Scene) -> None:
    """Once, for all readers; a change is published again."""
    async with guarded.outbox:
        watching = asyncio.create_task(guarded.guard.watch(asyncio.Lock(), guarded.write))
        await asyncio.sleep(5)
        watching.cancel()

    ((_, value),) = guarded.outbox.logs[NAMES.generations, 0]
    expected = StateTopics(plays_id="plays-id", changelog_id="playfold-users-changelog-id", epoch=0, partitions=2)
    assert expected == msgspec.json.decode(value or b"", type=StateTopics)


async def test_positions_of_the_epoch_are_compared(guarded: Scene) -> None:
    """Offsets of the topic before say nothing about the end of this one; those of the present epoch do."""
    guarded.state.commit([(EPOCH_KEY, PlaysEpoch(1, "plays-id").encode())], Place(21, position_of(0, 5_000)))
    await guarded.admit(0)
    guarded.state.commit([], Place(22, position_of(1, 5_000)))

    with pytest.raises(TopicChangedError, match=r"ends at offset 100 in .* up to offset 5,000 "):
        await guarded.admit(0)


def published(plays_id: str, changelog_id: str) -> bytes:
    """Return the record of the topics of the state."""
    return msgspec.json.encode(StateTopics(plays_id=plays_id, changelog_id=changelog_id, epoch=0, partitions=2))


async def test_a_state_without_ids_is_compared_with_the_published_ones(guarded: Scene) -> None:
    """A wiped disk, or a partition that no worker has verified, does not adopt another topic."""
    guarded.guard.on_record(state_topics_key(SETTINGS.application.group), published("old-plays", "old-changelog"))

    with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is plays-id, and "):
        await guarded.admit(10)
    with pytest.raises(TopicChangedError, match=r"id old-changelog, of which this disk has no state\. Restore it;"):
        await guarded.guard.check_opened(0, guarded.state)

    assert [] == guarded.written


async def test_the_published_ids_are_adopted(guarded: Scene) -> None:
    """They are those on the cluster."""
    guarded.guard.on_record(
        state_topics_key(SETTINGS.application.group), published("plays-id", "playfold-users-changelog-id")
    )

    await guarded.guard.check_opened(0, guarded.state)
    await guarded.admit(10)

    assert "plays-id" == guarded.state.epoch.topic_id
    assert "playfold-users-changelog-id" == guarded.state.changelog_id


async def test_the_ids_of_all_topics_are_known_from_the_start(guarded: Scene) -> None:
    """As of the last check; the present id and the end of a partition can be asked for."""
    await guarded.guard._check_partitions()  # noqa: SLF001  one turn of the watch
    guarded.cluster.ids[NAMES.recommendations] = "new-id"
    guarded.cluster.ends[NAMES.recommendations] = 7

    assert f"{NAMES.recommendations}-id" == guarded.guard.present_ids[NAMES.recommendations]
    assert "new-id" == await guarded.guard.identify(NAMES.recommendations)
    assert 7 == await guarded.guard.end_of(NAMES.recommendations, 1)


async def test_an_earlier_id_is_of_a_broker_that_is_behind(guarded: Scene) -> None:
    """Kafka never gives it again."""
    for topic_id in ("old", "new", "old"):
        guarded.cluster.ids[NAMES.recommendations] = topic_id
        await guarded.guard._check_partitions()  # noqa: SLF001  one turn of the watch

    assert "new" == guarded.guard.present_ids[NAMES.recommendations]


async def test_an_id_is_present_once_every_broker_gives_it(guarded: Scene) -> None:
    """A broker that is behind would append records that are sent by name to the deleted topic."""
    await guarded.guard._check_partitions()  # noqa: SLF001  one turn of the watch
    guarded.cluster.ids_behind = {NAMES.recommendations: guarded.cluster.ids[NAMES.recommendations]}
    guarded.cluster.ids[NAMES.recommendations] = "new"

    await guarded.guard._check_partitions()  # noqa: SLF001
    assert f"{NAMES.recommendations}-id" == guarded.guard.present_ids[NAMES.recommendations]

    guarded.cluster.ids_behind = {}
    await guarded.guard._check_partitions()  # noqa: SLF001
    assert "new" == guarded.guard.present_ids[NAMES.recommendations]


async def test_a_broker_that_does_not_answer_leaves_the_id_as_it_was(
    guarded: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked again at the next check; everything else is checked all the same."""
    await guarded.guard._check_partitions()  # noqa: SLF001  one turn of the watch
    guarded.cluster.ids[NAMES.recommendations] = "new"
    guarded.cluster.fault = NodeNotReadyError("2")

    await guarded.guard._check_partitions()  # noqa: SLF001

    assert f"{NAMES.recommendations}-id" == guarded.guard.present_ids[NAMES.recommendations]
    (event,) = [vars(one) for one in caplog.records if one.getMessage() == "topic_ids_unconfirmed"]
    assert [NAMES.recommendations] == event["topics"]
    guarded.cluster.fault = None
    await guarded.guard._check_partitions()  # noqa: SLF001
    assert "new" == guarded.guard.present_ids[NAMES.recommendations]


async def test_ids_that_are_known_ask_no_broker(guarded: Scene) -> None:
    """All brokers are asked at the start, and when an id changes."""
    await guarded.guard._check_partitions()  # noqa: SLF001  one turn of the watch
    assert 2 == guarded.cluster.n_asked

    await guarded.guard._check_partitions()  # noqa: SLF001

    assert 3 == guarded.cluster.n_asked


@pytest.mark.virtual_time
async def test_the_topics_of_the_state_are_published_to_a_topic_made_again(guarded: Scene) -> None:
    """Readers would not know them otherwise until the next start."""
    async with guarded.outbox:
        watching = asyncio.create_task(guarded.guard.watch(asyncio.Lock(), guarded.write))
        await asyncio.sleep(5)
        guarded.guard.publish_again()
        await asyncio.sleep(5)
        watching.cancel()

    assert 2 == len(guarded.outbox.logs[NAMES.generations, 0])
