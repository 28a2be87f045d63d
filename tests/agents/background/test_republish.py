"""Lists published again to a topic that was made again, with real states and a path in memory."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.background import walk_progress
from agents.background.republish import Republisher
from state.keys import LISTS_KEY
from state.users.lists_topic import ListsTopic, read_lists_topic
from state.users.record import UserRecord
from streams.messages.pulse import Republished
from streams.readers.log_reader import LogReadError
from tests.agents.background.sweep_scene import USERS, Scene
from tests.support.deliveries import NOW_MS, Delivered

TOPIC = "recommendations"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give the scene: every list is on the topic `old`, and the topic `new` is present."""
    prepared = Scene(tmp_path)
    prepared.serving.take(prepared.first)
    prepared.topics.present_ids[TOPIC] = "new"
    put(prepared, ListsTopic("old"))
    yield prepared
    prepared.state.close()


def put(scene: Scene, lists_topic: ListsTopic) -> None:
    """Write the topic of lists into the state."""
    place = scene.state.place
    scene.state.commit([(LISTS_KEY, lists_topic.encode())], place._replace(changelog_offset=place.changelog_offset + 1))


def republisher(scene: Scene, group_users: int = 3) -> Republisher:
    """Return the republisher of a new process."""
    return scene.sweeper(group_users).republisher


def list_at(scene: Scene, user: bytes, at_ms: int) -> None:
    """Set when a user's list was made."""
    (value,) = scene.state.read([user])
    record = UserRecord.decode(value or b"")
    record.listed_at_ms = at_ms
    place = scene.state.place
    scene.state.commit([(user, record.encode())], place._replace(changelog_offset=place.changelog_offset + 1))


async def test_all_lists_are_published_to_a_topic_made_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Each once, in groups; the state then names the new topic, also after a restart, and nothing is left to do."""
    caplog.set_level(logging.INFO)

    await republisher(scene).publish(0)
    await republisher(scene).publish(0)

    assert [USERS[:3], USERS[3:6], USERS[6:]] == scene.path.groups
    assert USERS == scene.path.published
    assert ListsTopic("new") == scene.state.lists_topic
    (stored,) = scene.state.read([LISTS_KEY])
    assert ListsTopic("new") == read_lists_topic(stored)
    remade = next(vars(one) for one in caplog.records if one.getMessage() == "lists_topic_remade")
    assert (0, 7, "new", "old") == tuple(remade[name] for name in ("partition", "lists", "topic_id", "before"))
    ended = next(vars(one) for one in caplog.records if one.getMessage() == "lists_republished")
    assert (0, TOPIC, 7) == tuple(ended[name] for name in ("partition", "topic", "users"))


async def test_a_state_without_a_topic_adopts_the_present_one(scene: Scene) -> None:
    """It is of an older version; every list has a record on the topic."""
    put(scene, ListsTopic())
    scene.topics.ends[TOPIC] = len(USERS)

    await republisher(scene).publish(0)

    assert [] == scene.path.groups
    assert ListsTopic("new") == scene.state.lists_topic


async def test_a_topic_with_fewer_records_than_lists_is_another_one(scene: Scene) -> None:
    """Also for a state that names no topic."""
    put(scene, ListsTopic())
    scene.topics.ends[TOPIC] = len(USERS) - 1

    await republisher(scene).publish(0)

    assert USERS == scene.path.published
    assert ListsTopic("new") == scene.state.lists_topic


async def test_a_killed_run_goes_on_where_it_was(scene: Scene) -> None:
    """A list that was published since its beginning, by a play or by a sweep, is not published again."""

    def die() -> None:
        raise KeyboardInterrupt

    scene.path.now_ms = 10 * NOW_MS  # beyond the clock of the run, as it is for a list that is made later
    scene.path.after_group = die
    with pytest.raises(KeyboardInterrupt):
        await republisher(scene).publish(0)
    scene.path.after_group = lambda: None
    assert "new" == scene.state.lists_topic.topic_id
    assert scene.state.lists_topic.since_ms > 0
    list_at(scene, USERS[5], 10 * NOW_MS)

    await republisher(scene).publish(0)

    assert [USERS[:3], [USERS[3], USERS[4], USERS[6]]] == scene.path.groups
    assert ListsTopic("new") == scene.state.lists_topic


async def test_lists_from_a_clock_that_is_ahead_are_of_before(scene: Scene) -> None:
    """The beginning is later than the latest of them, so a resumed run publishes them, too."""
    list_at(scene, USERS[6], 10 * NOW_MS)

    def die() -> None:
        raise KeyboardInterrupt

    scene.path.after_group = die
    with pytest.raises(KeyboardInterrupt):
        await republisher(scene).publish(0)
    scene.path.after_group = lambda: None

    assert 10 * NOW_MS + 1 == scene.state.lists_topic.since_ms
    await republisher(scene).publish(0)

    assert USERS[6] in scene.path.published


async def test_a_topic_made_again_meanwhile_begins_anew(scene: Scene) -> None:
    """The lists so far were on a topic that is gone."""

    def remake() -> None:
        scene.topics.present_ids[TOPIC] = "newer"
        scene.path.after_group = lambda: None

    scene.path.after_group = remake
    await republisher(scene).publish(0)
    assert [USERS[:3]] == scene.path.groups

    await republisher(scene).publish(0)

    assert USERS == scene.path.published[3:]
    assert ListsTopic("newer") == scene.state.lists_topic


async def test_a_topic_made_again_after_the_last_list_is_noticed(scene: Scene) -> None:
    """Kafka is asked once more before the state says that all lists are there."""
    scene.topics.asked = ["newer"]

    await republisher(scene).publish(0)

    assert USERS == scene.path.published
    assert not scene.state.lists_topic.has_all("new")


async def test_kafka_that_does_not_answer_is_asked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next search confirms the lists, and publishes none of them again."""

    async def silent(_name: str) -> str:
        message = "Kafka does not answer."
        raise LogReadError(message)

    scene.path.now_ms = 10 * NOW_MS
    with monkeypatch.context() as patched:
        patched.setattr(scene.topics, "identify", silent)
        await republisher(scene).publish(0)
    assert "lists_unconfirmed" in caplog.messages

    await republisher(scene).publish(0)

    assert USERS == scene.path.published
    assert ListsTopic("new") == scene.state.lists_topic


@pytest.mark.parametrize("how", ["revoked", "unsettled", "no generation", "no id"])
async def test_lists_wait_until_they_can_be_published(scene: Scene, how: str) -> None:
    """Without the partition, a generation, or the id of the topic, the state stays as it is."""
    scene.store.settled = how != "unsettled"
    if how == "revoked":
        scene.store.partitions.clear()
    if how == "no generation":
        scene.serving.current = None
    if how == "no id":
        scene.topics.present_ids.clear()

    await republisher(scene).publish(0)

    assert [] == scene.path.groups
    assert ListsTopic("old") == scene.state.lists_topic


@pytest.mark.parametrize("after", [1, 3])
async def test_a_partition_that_goes_is_left_alone(scene: Scene, after: int) -> None:
    """Its next owner reads from the changelog how far the work is."""
    left = after

    def revoke() -> None:
        nonlocal left
        left -= 1
        if not left:
            scene.store.partitions.clear()

    scene.path.after_group = revoke
    await republisher(scene).publish(0)

    assert after == len(scene.path.groups)
    assert not scene.state.lists_topic.has_all("new")


async def test_a_partition_without_lists_only_notes_the_topic(scene: Scene) -> None:
    """No listener waits for a list."""
    for user in USERS:
        list_at(scene, user, 0)

    await republisher(scene).publish(0)

    assert [] == scene.path.groups
    assert ListsTopic("new") == scene.state.lists_topic


async def test_no_list_of_a_forgotten_listener_is_published(scene: Scene) -> None:
    """Their marker gets neither a list nor a tombstone."""
    place = scene.state.place
    marker = UserRecord(applied_offset=9, listed_at_s=5).encode()
    scene.state.commit([(USERS[2], marker)], place._replace(changelog_offset=place.changelog_offset + 1))

    await republisher(scene).publish(0)

    assert [user for user in USERS if user != USERS[2]] == scene.path.published


async def test_the_progress_can_be_seen(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, during and after: in the log, and for the pulse."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(walk_progress, "PROGRESS_S", 0.0)
    publisher, seen = republisher(scene), list[dict[int, Republished]]()
    states = scene.store.partitions
    scene.path.after_group = lambda: seen.append(publisher.progress(states))

    before = publisher.progress(states)
    await publisher.publish(0)

    assert 0 == before[0].done
    assert 7 <= before[0].of_about <= 12
    assert [0, 3, 6] == [one[0].done for one in seen]
    assert {} == publisher.progress(states)
    logged = [vars(one)["seen"] for one in caplog.records if one.getMessage() == "republish_progress"]
    assert [3, 6, 7] == logged


async def test_a_sweep_yields_to_lists_that_are_missing(scene: Scene) -> None:
    """Listeners without a list come first; the sweep then has nothing left to do."""
    scene.topics.present_ids[TOPIC] = "old"
    scene.serving.take(scene.second)
    sweeper = scene.sweeper()

    def remake() -> None:
        scene.topics.present_ids[TOPIC] = "new"
        scene.path.after_group = lambda: None

    scene.path.after_group = remake
    await sweeper.sweep()
    assert [USERS[:3]] == scene.path.groups
    assert 0 == scene.state.swept

    await sweeper.republisher.publish(0)
    await sweeper.sweep()

    assert USERS == scene.path.published[3:]
    assert scene.second.key == scene.state.swept


async def test_a_later_owner_reads_the_topic_from_the_changelog(scene: Scene) -> None:
    """The last record counts."""
    first = scene.state.place.changelog_offset + 1
    values = [ListsTopic("new", 5).encode(), ListsTopic("new").encode()]

    records: list[Any] = [Delivered(offset, LISTS_KEY, value) for offset, value in enumerate(values, first)]
    scene.state.apply_changelog(records)

    assert ListsTopic("new") == scene.state.lists_topic
    await republisher(scene).publish(0)
    assert [] == scene.path.groups
