"""The way of a play: slices in, one commit group at a time; a failure acknowledges nothing and stops the worker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from agents.plays.play_flow import FLOW_S, SMOOTHING
from agents.plays.private_sessions import PrivateSessions
from agents.plays.refold_ahead import GroupTiming
from state.keys import LISTS_KEY
from state.users.lists_topic import ListsTopic
from state.users.record import UserRecord
from state.users.topic_rules import TopicChangedError
from streams.outbox import OutboxError
from tests.agents.plays.pipeline_scene import NAMES, SETTINGS, STEP_S, Message, Scene
from tests.support.clock import StepClock
from tests.support.generations import make_generation
from tests.support.memory_outbox import MemoryOutbox
from tests.support.wait import wait_idle, wait_until


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the scene."""
    async with MemoryOutbox(SETTINGS.kafka) as outbox:
        prepared = Scene(tmp_path, outbox)
        yield prepared
        await prepared.close()


async def test_what_waits_is_one_group(scene: Scene) -> None:
    """All slices are folded together, made durable, then acknowledged."""
    messages = [Message(0, 0, "ann", "ben"), Message(0, 2, "ann")]

    scene.deliver(*messages)
    await wait_until(lambda: all(message.acked for message in messages))

    (value,) = scene.state.read([b"ann"])
    assert 2 == UserRecord.decode(value or b"").plays
    assert [b"ben", b"ann"] == [key for key, _ in scene.outbox.logs[NAMES.users_changelog, 0]][1:]


async def test_a_group_uses_the_generation_in_service_when_it_begins(scene: Scene, tmp_path: Path) -> None:
    """A swap takes effect between two groups."""
    scene.outbox.held = {NAMES.users_changelog}
    first, second = Message(0, 0, "ann"), Message(0, 1, "ann")
    scene.deliver(first)
    await wait_until(lambda: scene.outbox.logs)
    scene.serving.take(make_generation(tmp_path))
    scene.deliver(second)
    scene.outbox.release(NAMES.users_changelog)

    await wait_until(lambda: second.acked)

    lists = scene.outbox.logs[NAMES.recommendations, 0]
    assert 1 == len(lists)
    assert first.acked


@pytest.mark.virtual_time
async def test_private_sessions_end_though_nobody_plays(scene: Scene) -> None:
    """Sessions that are too old expire between groups, too."""
    clock = StepClock(0)
    scene.work.private_lists.sessions = PrivateSessions(SETTINGS.private, clock)
    scene.deliver(message := Message(0, 0, "ann", private=True))
    await wait_until(lambda: message.acked)
    assert 1 == len(scene.work.private_lists.sessions)

    expiring = asyncio.create_task(scene.pipeline.expire_private())
    clock.now_s += SETTINGS.private.idle_s + 1

    await wait_until(lambda: not len(scene.work.private_lists.sessions))
    expiring.cancel()


async def test_private_plays_are_acknowledged_and_leave_a_list_alone(scene: Scene, tmp_path: Path) -> None:
    """On the topic of its own; no record is written."""
    scene.serving.take(make_generation(tmp_path))

    scene.deliver(message := Message(0, 0, "ann", private=True))
    await wait_until(lambda: message.acked)

    assert [(NAMES.private_recommendations, 0)] == list(scene.outbox.logs)
    assert [None] == scene.state.read([b"ann"])


async def test_a_failure_acknowledges_nothing_and_is_told_once(scene: Scene) -> None:
    """Faust would acknowledge the plays and start the agent anew if the error left it."""
    scene.outbox.refused = {NAMES.users_changelog: KafkaError("gone")}
    message, later = Message(0, 0, "ann"), Message(0, 1, "ben")

    scene.deliver(message)
    await wait_until(lambda: scene.failures)
    scene.deliver(later)
    await wait_idle()

    assert [OutboxError] == [type(failure) for failure in scene.failures]
    assert not message.acked
    assert not later.acked
    assert not scene.folding.done()
    assert [None] == scene.state.read([b"ann"])


async def test_slices_of_a_partition_that_is_gone_are_not_acknowledged(scene: Scene) -> None:
    """Its owner gets them; the others of the group are folded."""
    mine, gone = Message(0, 0, "ann"), Message(3, 0, "ben")

    scene.deliver(gone, mine)
    await wait_until(lambda: mine.acked)

    assert not gone.acked
    assert {(NAMES.users_changelog, 0)} == set(scene.outbox.logs)


async def test_a_group_of_strangers_alone_changes_nothing(scene: Scene) -> None:
    """And the next one is folded."""
    gone, mine = Message(3, 0, "ben"), Message(0, 0, "ann")

    scene.deliver(gone)
    await wait_until(scene.queue.empty)
    scene.deliver(mine)
    await wait_until(lambda: mine.acked)

    assert [] == scene.failures
    assert not gone.acked


async def test_refolding_waits_for_the_group_in_hand(scene: Scene) -> None:
    """Never two at a time; the wait does not count as time that it took."""
    scene.outbox.held = {NAMES.users_changelog}
    scene.deliver(Message(0, 0, "ann"))
    await wait_until(lambda: scene.outbox.logs)

    refolding = asyncio.create_task(scene.pipeline.refold(0, [b"ann"]))
    ending = asyncio.create_task(scene.pipeline.group_ended())
    await wait_idle()
    assert not refolding.done()
    assert not ending.done()
    scene.outbox.release(NAMES.users_changelog)

    assert GroupTiming(work_s=STEP_S, whole_s=3 * STEP_S) == await refolding
    await ending
    assert [b"ann", b"ann"] == [key for key, _ in scene.outbox.logs[NAMES.users_changelog, 0]][1:]


async def test_what_comes_while_users_are_refolded_is_one_group(scene: Scene) -> None:
    """A play waits for one group of the sweep, not for its own group and then for another one of the sweep."""
    scene.outbox.held = {NAMES.users_changelog}
    first = asyncio.create_task(scene.pipeline.refold(0, [b"ann"]))
    await wait_until(lambda: scene.outbox.logs)
    messages = [Message(0, 0, "ben"), Message(0, 1, "cid")]
    scene.deliver(messages[0])
    await wait_idle()
    second = asyncio.create_task(scene.pipeline.refold(0, [b"ann"]))
    scene.deliver(messages[1])
    scene.outbox.release(NAMES.users_changelog)

    await asyncio.gather(first, second)

    keys = [key for key, _ in scene.outbox.logs[NAMES.users_changelog, 0] if not key.startswith(b"\x00")]
    assert [b"ann", b"ben", b"cid", b"ann"] == keys


async def test_plays_flow_until_none_comes_for_a_while(scene: Scene) -> None:
    """Refolding is no play."""
    group_s = [scene.pipeline.flow.group_s]
    await scene.pipeline.refold(0, [b"ann"])
    group_s.append(scene.pipeline.flow.group_s)
    message = Message(0, 0, "ann")
    scene.deliver(message)
    await wait_until(lambda: message.acked)
    flowing = scene.pipeline.flow.group_s
    scene.clock.now_s += FLOW_S
    group_s.append(scene.pipeline.flow.group_s)

    assert [None, None, None] == group_s
    assert flowing == pytest.approx(SMOOTHING * 3 * STEP_S)


async def test_a_fold_under_another_generation_unmarks_the_partition(scene: Scene, tmp_path: Path) -> None:
    """So that its sweep finds the user if the generation of before comes back."""
    scene.state.begin_sweep(7)
    assert scene.state.end_sweep(7)
    scene.serving.take(make_generation(tmp_path))
    message = Message(0, 0, "ann")
    scene.deliver(message)
    await wait_until(lambda: message.acked)

    assert 0 == scene.state.swept


async def test_refolding_tells_whether_the_partition_is_ours(scene: Scene) -> None:
    """One that went away is left to its owner."""
    assert await scene.pipeline.refold(3, [b"ann"]) is None


async def test_a_group_of_another_topic_is_not_committed(scene: Scene) -> None:
    """It is folded while the topics are checked; nothing of it is written, and the worker ends."""
    scene.guard.error = TopicChangedError("another topic")

    message = Message(0, 0, "ann")
    scene.deliver(message)
    await wait_until(lambda: scene.failures)

    assert [scene.guard.error] == scene.failures
    assert {} == scene.outbox.logs
    assert [None] == scene.state.read([b"ann"])
    assert not message.acked


async def test_a_list_is_published_before_its_record_if_no_play_brings_it(scene: Scene, tmp_path: Path) -> None:
    """A crash in between makes the list again; after the record alone, nothing would."""
    scene.serving.take(make_generation(tmp_path))
    message = Message(0, 0, "ann")
    scene.deliver(message)
    await wait_until(lambda: message.acked)
    n_records = len(scene.outbox.logs[NAMES.users_changelog, 0])
    scene.outbox.held = {NAMES.recommendations}

    refolding = asyncio.create_task(scene.pipeline.refold(0, [b"ann"]))
    await wait_until(lambda: len(scene.outbox.logs[NAMES.recommendations, 0]) == 2)
    await wait_idle()
    assert n_records == len(scene.outbox.logs[NAMES.users_changelog, 0])
    scene.outbox.release(NAMES.recommendations)

    assert await refolding is not None
    assert n_records + 1 == len(scene.outbox.logs[NAMES.users_changelog, 0])


async def test_records_of_the_store_are_written_between_two_groups(scene: Scene) -> None:
    """To the state that they were made for; one that went away is left to its owner."""
    scene.outbox.held = {NAMES.users_changelog}
    scene.deliver(Message(0, 0, "ann"))
    await wait_until(lambda: scene.outbox.logs)
    topic = ListsTopic("id")
    writing = asyncio.create_task(scene.pipeline.write(0, scene.state, [(LISTS_KEY, topic.encode())]))
    await wait_idle()
    assert not writing.done()
    scene.outbox.release(NAMES.users_changelog)

    assert await writing
    assert topic == scene.state.lists_topic
    scene.store.partitions.clear()
    assert not await scene.pipeline.write(0, scene.state, [(LISTS_KEY, ListsTopic("other").encode())])
    assert (LISTS_KEY, topic.encode()) == scene.outbox.logs[NAMES.users_changelog, 0][-1]
