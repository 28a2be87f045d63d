"""Users folded before their turn: the commit takes those whose record is still the one that was folded."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agents.plays.changes import Changes
from agents.plays.refold_ahead import Folded, GroupTiming
from state.generations.generation import Generation
from state.users.changelog import Place
from state.users.record import UserRecord
from streams.outbox import Item
from tests.agents.plays.pipeline_scene import NAMES, SETTINGS, Message, Scene
from tests.support.deliveries import slice_of
from tests.support.generations import SECOND_ID, make_generation
from tests.support.memory_outbox import MemoryOutbox
from tests.support.wait import wait_idle, wait_until


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the scene, with a play of two users and a generation."""
    async with MemoryOutbox(SETTINGS.kafka) as outbox:
        prepared = Scene(tmp_path, outbox)
        prepared.serving.take(make_generation(tmp_path))
        await play(prepared, 0, "ann", "ben")
        yield prepared
        await prepared.close()


async def play(scene: Scene, first: int, *users: str) -> None:
    """Let users play, and wait until it is durable."""
    message = Message(0, first, *users)
    scene.deliver(message)
    await wait_until(lambda: message.acked)


async def forget(scene: Scene, offset: int, user: str) -> None:
    """Let a user be forgotten, and wait until it is durable."""
    message = Message(0, offset)
    message.value = slice_of(0, offset, (user.encode(), b'{"type":"forget","user_id":"%s"}' % user.encode())).records
    scene.deliver(message)
    await wait_until(lambda: message.acked)


async def fold(scene: Scene, *users: bytes) -> Folded:
    """Fold users ahead."""
    folded = await scene.pipeline.ahead.fold(0, users, lambda _value: True)
    assert folded is not None
    return folded


def second(tmp_path: Path) -> Generation:
    """Return another generation."""
    return make_generation(tmp_path, SECOND_ID, seed=1)


def record_of(scene: Scene, user: bytes) -> UserRecord:
    """Return a user's record."""
    (value,) = scene.state.read([user])
    assert value is not None
    return UserRecord.decode(value)


def latest_list(scene: Scene, user: bytes) -> Item:
    """Return the latest record of a user on the topic of lists."""
    return [item for item in scene.outbox.logs[NAMES.recommendations, 0] if item[0] == user][-1]


def listed(scene: Scene) -> list[bytes]:
    """Return the users of all published lists."""
    return [key for key, _ in scene.outbox.logs[NAMES.recommendations, 0]]


async def test_nothing_is_durable_before_the_commit(scene: Scene, tmp_path: Path) -> None:
    """Then records and lists are, under the generation in service."""
    generation = second(tmp_path)
    scene.serving.take(generation)
    place, n_lists = scene.state.place, len(listed(scene))

    folded = await fold(scene, b"ann", b"ben")
    assert place == scene.state.place
    assert n_lists == len(listed(scene))
    timing = await scene.pipeline.ahead.commit(folded)

    assert isinstance(timing, GroupTiming)
    assert [generation.key] * 2 == [record_of(scene, user).generation_key for user in (b"ann", b"ben")]
    assert [b"ann", b"ben"] == listed(scene)[n_lists:]


async def test_a_user_who_played_meanwhile_is_left_out(scene: Scene, tmp_path: Path) -> None:
    """Their play folded them, and the list of their play stays the last one."""
    scene.serving.take(second(tmp_path))
    folded = await fold(scene, b"ann", b"ben")
    await play(scene, 2, "ann")
    n_lists = len(listed(scene))

    await scene.pipeline.ahead.commit(folded)

    assert 2 == record_of(scene, b"ann").plays
    assert [b"ben"] == listed(scene)[n_lists:]


async def test_a_play_of_another_user_leaves_all_in(scene: Scene, tmp_path: Path) -> None:
    """The place of the state moved, and no record of the group."""
    scene.serving.take(second(tmp_path))
    folded = await fold(scene, b"ann", b"ben")
    await play(scene, 2, "cem")
    n_lists = len(listed(scene))

    await scene.pipeline.ahead.commit(folded)

    assert [b"ann", b"ben"] == listed(scene)[n_lists:]


async def test_a_play_while_the_commit_waits_for_its_turn_counts(scene: Scene, tmp_path: Path) -> None:
    """Records are compared in the turn."""
    scene.serving.take(second(tmp_path))
    folded = await fold(scene, b"ann")
    scene.outbox.held = {NAMES.users_changelog}
    message = Message(0, 2, "ann")
    scene.deliver(message)
    await wait_idle()
    committing = asyncio.create_task(scene.pipeline.ahead.commit(folded))
    await wait_idle()
    scene.outbox.release(NAMES.users_changelog)

    await committing

    assert message.acked
    assert 2 == record_of(scene, b"ann").plays


async def test_a_group_folded_under_a_generation_before_is_not_committed(scene: Scene, tmp_path: Path) -> None:
    """A swap in between, to another generation or to another revision."""
    first = scene.serving.current
    assert first is not None
    folded = await fold(scene, b"ann")
    scene.serving.take(second(tmp_path))
    again = await fold(scene, b"ann")
    scene.serving.take(replace(again.context.generation or first))
    place = scene.state.place

    assert await scene.pipeline.ahead.commit(folded) is None
    assert await scene.pipeline.ahead.commit(again) is None
    assert place == scene.state.place


async def test_a_partition_that_is_gone_is_neither_folded_nor_committed(scene: Scene) -> None:
    """Its owner does that."""
    folded = await fold(scene, b"ann")
    scene.store.partitions.clear()

    assert await scene.pipeline.ahead.commit(folded) is None
    assert await scene.pipeline.ahead.fold(0, [b"ann"], lambda _value: True) is None


async def test_a_partition_that_goes_before_its_fold_begins_is_not_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be closed by then: a read of a closed state would be an error."""
    monkeypatch.setattr(scene.state, "read", lambda _keys: pytest.fail("A closed state is read."))
    blocked = threading.Event()
    scene.thread.submit(blocked.wait)
    folding = asyncio.create_task(scene.pipeline.ahead.fold(0, [b"ann"], lambda _value: True))
    await wait_idle()
    scene.store.partitions.clear()
    blocked.set()

    assert await folding is None


async def test_only_wanted_users_are_folded(scene: Scene) -> None:
    """Their records say so when they are read; without any, nothing is written."""
    ahead, n_records = scene.pipeline.ahead, len(scene.outbox.logs[NAMES.users_changelog, 0])

    folded = await ahead.fold(0, [b"ann", b"nobody"], lambda _value: False)
    assert folded is not None
    await ahead.commit(folded)

    assert {} == folded.values
    assert n_records == len(scene.outbox.logs[NAMES.users_changelog, 0])


async def test_groups_of_other_users_are_not_compared(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before was committed while this one was folded, and nothing else was."""
    ann, ben = await fold(scene, b"ann"), await fold(scene, b"ben")
    n_lists = len(listed(scene))
    monkeypatch.setattr(scene.state, "read", lambda _keys: pytest.fail("A record is compared."))

    await scene.pipeline.ahead.commit(ann)
    await scene.pipeline.ahead.commit(ben)

    assert [b"ann", b"ben"] == listed(scene)[n_lists:]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_play_beside_a_group_of_other_users_counts(scene: Scene, tmp_path: Path, when: str) -> None:
    """The place of the state tells that there was more than that group."""
    scene.serving.take(second(tmp_path))
    ann, ben = await fold(scene, b"ann"), await fold(scene, b"ben")
    if when == "before":
        await play(scene, 2, "ben")
    await scene.pipeline.ahead.commit(ann)
    if when == "after":
        await play(scene, 2, "ben")

    await scene.pipeline.ahead.commit(ben)

    assert 2 == record_of(scene, b"ben").plays


async def test_a_group_of_the_same_user_is_compared(scene: Scene, tmp_path: Path) -> None:
    """Its copy of the record is the one from before the other group."""
    scene.serving.take(second(tmp_path))
    one, other = await fold(scene, b"ann"), await fold(scene, b"ann")
    n_lists = len(listed(scene))

    await scene.pipeline.ahead.commit(one)
    await scene.pipeline.ahead.commit(other)

    assert [b"ann"] == listed(scene)[n_lists:]


async def test_a_foreign_record_beside_a_group_of_other_users_counts(scene: Scene, tmp_path: Path) -> None:
    """A late worker wrote it; the commit read it back, and the group that was folded before is compared."""
    scene.serving.take(second(tmp_path))
    ann, ben = await fold(scene, b"ann"), await fold(scene, b"ben")

    async def catch_up(changes: Mapping[int, Changes], *, lists_first: bool) -> set[int]:
        assert lists_first
        foreign = record_of(scene, b"ben")
        foreign.applied_offset, foreign.plays = 100, 7
        place = scene.state.place
        written = [*changes[0].changelog, (b"ben", foreign.encode())]
        scene.state.commit(written, Place(place.changelog_offset + len(written), 100))
        return {0}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scene.committer, "commit", catch_up)
        await scene.pipeline.ahead.commit(ann)
    await scene.pipeline.ahead.commit(ben)

    assert 7 == record_of(scene, b"ben").plays


async def test_a_user_who_is_forgotten_before_the_fold_is_not_folded(scene: Scene, tmp_path: Path) -> None:
    """A sweep knew their key from its scan. Their marker is not written again, nor is their tombstone."""
    scene.serving.take(second(tmp_path))
    await forget(scene, 2, "ann")
    n_lists = len(listed(scene))

    folded = await fold(scene, b"ann", b"ben")
    await scene.pipeline.ahead.commit(folded)

    assert [b"ben"] == list(folded.values)
    assert [b"ben"] == listed(scene)[n_lists:]
    assert (b"ann", None) == latest_list(scene, b"ann")
    assert 0 == record_of(scene, b"ann").plays


async def test_a_user_who_is_forgotten_after_the_fold_is_left_out(scene: Scene, tmp_path: Path) -> None:
    """Neither their history nor their list comes back."""
    scene.serving.take(second(tmp_path))
    folded = await fold(scene, b"ann", b"ben")
    await forget(scene, 2, "ann")
    n_lists = len(listed(scene))

    await scene.pipeline.ahead.commit(folded)

    assert [b"ben"] == listed(scene)[n_lists:]
    assert (b"ann", None) == latest_list(scene, b"ann")
    assert 0 == record_of(scene, b"ann").plays
    assert [] == record_of(scene, b"ann").history
