"""The one order in which a commit group becomes durable, with an outbox in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from agents.plays.changes import Changes
from agents.plays.commit import Committer
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.topic_rules import TopicChangedError
from streams.outbox import OutboxError
from streams.topics.topics import topic_names
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with
from tests.support.wait import wait_idle

SETTINGS = settings_with(kafka_timeout_s=0.2)
NAMES = topic_names(SETTINGS)
VALUE = UserRecord(applied_offset=7).encode()
WHOLE = Changes([(b"ann", VALUE)], 7, [(b"ann", b"list")], [(b"ben", b"reject")], [(b"eve", b"private list")])


@pytest.fixture
async def outbox() -> AsyncIterator[MemoryOutbox]:
    """Give a started outbox."""
    async with MemoryOutbox(SETTINGS.kafka) as started:
        yield started


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[PartitionState]:
    """Give an empty state."""
    opened = PartitionState(tmp_path / "1")
    yield opened
    opened.close()


def last_log(outbox: MemoryOutbox) -> dict[str, int]:
    """Return how many records each topic got in partition 1."""
    return {topic: len(items) for (topic, partition), items in outbox.logs.items() if partition == 1}


async def test_a_group_is_written_everywhere(outbox: MemoryOutbox, state: PartitionState) -> None:
    """Changelog, lists, private ones, and rejects to the partition of the plays; the state at its place behind them."""
    committer = Committer(outbox, {1: state}, SETTINGS)

    assert {1} == await committer.commit({1: WHOLE})
    assert {1} == await committer.commit({1: WHOLE._replace(changelog=[(b"a", b""), (b"ben", VALUE)])})

    assert [(b"ann", VALUE), (b"a", b""), (b"ben", VALUE)] == outbox.logs[NAMES.users_changelog, 1]
    assert [(b"ann", b"list")] * 2 == outbox.logs[NAMES.recommendations, 1]
    assert [(b"ben", b"reject")] * 2 == outbox.logs[NAMES.plays_rejected, 1]
    assert [(b"eve", b"private list")] * 2 == outbox.logs[NAMES.private_recommendations, 1]
    assert [VALUE, VALUE] == state.read([b"ann", b"ben"])
    assert Place(2, 7) == state.place


@pytest.mark.parametrize(
    "topic", [NAMES.users_changelog, NAMES.recommendations, NAMES.plays_rejected, NAMES.private_recommendations]
)
async def test_nothing_is_in_the_state_before_every_acknowledgement(
    outbox: MemoryOutbox, state: PartitionState, topic: str
) -> None:
    """A list or a reject that Kafka does not have yet holds the group back just as a record does."""
    outbox.held = {topic}
    committing = asyncio.create_task(Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE}))
    await wait_idle()
    assert 4 == len(outbox.logs)

    assert not committing.done()
    assert [None] == state.read([b"ann"])
    assert Place() == state.place

    outbox.release(topic)
    assert {1} == await committing
    assert [VALUE] == state.read([b"ann"])
    assert Place(0, 7) == state.place


@pytest.mark.parametrize("topic", [NAMES.users_changelog, NAMES.recommendations, NAMES.plays_rejected])
async def test_a_refused_batch_leaves_the_state_untouched(
    outbox: MemoryOutbox, state: PartitionState, topic: str
) -> None:
    """The sentence has the brokers and the error."""
    outbox.refused = {topic: KafkaError("disk full")}

    with pytest.raises(OutboxError) as caught:
        await Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE})

    expected = (
        f"Kafka at 127.0.0.1:19092 did not take records of {topic} (KafkaError('disk full')); "
        "it may have some of them all the same. Nothing of the commit group is lost: the next start does it again."
    )
    assert expected == str(caught.value)
    assert [None] == state.read([b"ann"])
    assert Place() == state.place


async def test_lists_of_a_group_without_plays_come_first(outbox: MemoryOutbox, state: PartitionState) -> None:
    """A record that says that a list is published is not in the changelog before the list is on its topic."""
    outbox.held = {NAMES.recommendations}
    committing = asyncio.create_task(Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE}, lists_first=True))
    await wait_idle()
    assert NAMES.users_changelog not in last_log(outbox)

    outbox.release(NAMES.recommendations)

    assert {1} == await committing
    assert [(b"ann", VALUE)] == outbox.logs[NAMES.users_changelog, 1]
    assert [VALUE] == state.read([b"ann"])


async def test_a_list_that_kafka_refuses_leaves_its_record_as_it_was(
    outbox: MemoryOutbox, state: PartitionState
) -> None:
    """The next start makes the list again."""
    outbox.refused = {NAMES.recommendations: KafkaError("disk full")}

    with pytest.raises(OutboxError):
        await Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE}, lists_first=True)

    assert NAMES.users_changelog not in last_log(outbox)


async def test_silence_is_an_error_in_time(outbox: MemoryOutbox, state: PartitionState) -> None:
    """A broker that never acknowledges does not hold the worker for ever."""
    outbox.held = {NAMES.recommendations}

    with pytest.raises(OutboxError, match=r"recommendations within 0\.2 s \(TimeoutError\(\)\); it may have"):
        await Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE})

    assert [None] == state.read([b"ann"])
    assert Place() == state.place


async def test_a_changelog_that_begins_anew_is_another_one(outbox: MemoryOutbox, state: PartitionState) -> None:
    """Kafka gives the records offsets that the state contains already; nothing of the group is in the state."""
    state.commit([], Place(20, 3))

    with pytest.raises(
        TopicChangedError, match=r"ends at offset 0 in partition 1, but the state on this disk contains"
    ):
        await Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE})

    assert [None] == state.read([b"ann"])
    assert Place(20, 3) == state.place


async def test_a_partition_that_went_to_another_worker_is_not_durable(
    outbox: MemoryOutbox, state: PartitionState
) -> None:
    """Its slices are not acknowledged; its new owner takes the records from the changelog."""
    assert {1} == await Committer(outbox, {1: state}, SETTINGS).commit({1: WHOLE, 3: WHOLE})


async def test_a_group_without_anything_to_write_is_durable(outbox: MemoryOutbox, state: PartitionState) -> None:
    """Private plays alone: nothing is sent, and their offsets may be committed."""
    assert {1} == await Committer(outbox, {1: state}, SETTINGS).commit({1: Changes([], -1, [], [])})

    assert {} == last_log(outbox)
    assert Place() == state.place


async def test_rejects_alone_do_not_move_the_state(outbox: MemoryOutbox, state: PartitionState) -> None:
    """The place is one in the changelog, and nothing was written there."""
    only_rejects = Changes([], -1, [], [(b"", b"reject")] * 2)

    assert {1} == await Committer(outbox, {1: state}, SETTINGS).commit({1: only_rejects})

    assert {NAMES.plays_rejected: 2} == last_log(outbox)
    assert Place() == state.place


async def test_the_highest_applied_offset_is_kept(outbox: MemoryOutbox, state: PartitionState) -> None:
    """A sweep of long idle users does not lower it."""
    committer = Committer(outbox, {1: state}, SETTINGS)
    await committer.commit({1: WHOLE})

    await committer.commit({1: Changes([(b"old", UserRecord(applied_offset=2).encode())], 2, [], [])})

    assert Place(1, 7) == state.place
