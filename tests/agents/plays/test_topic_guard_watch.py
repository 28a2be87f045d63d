"""The watch of topics while a worker runs."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.plays.lost_plays import LostPlays
from state.users.changelog import Place
from state.users.topic_rules import TopicChangedError
from streams.connection.credentials import CredentialsError
from streams.readers import topic_identities
from streams.topics.identity import TopicIdentity
from tests.agents.plays.guarded_topics import NAMES, Scene


async def test_a_partition_may_go_while_all_are_checked(guarded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebalance takes it between two answers of Kafka."""

    async def revoked(client: object, names: list[str]) -> dict[str, TopicIdentity]:
        guarded.store.partitions.clear()
        return await guarded.cluster.identify(client, names)

    monkeypatch.setattr(topic_identities, "identify_topics", revoked)
    async with guarded.outbox:
        await guarded.guard._check_all(asyncio.Lock(), guarded.write)  # noqa: SLF001  one turn of the watch

    assert {} == guarded.store.partitions


@pytest.mark.virtual_time
async def test_a_publication_that_kafka_refuses_does_not_end_the_watch(
    guarded: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and tried again."""
    guarded.outbox.refused[NAMES.generations] = KafkaError("later")
    async with guarded.outbox:
        watching = asyncio.create_task(guarded.guard.watch(asyncio.Lock(), guarded.write))
        await asyncio.sleep(3.5)
        guarded.outbox.refused.clear()
        await asyncio.sleep(1)
        watching.cancel()

    assert 1 == caplog.messages.count("topics_unchecked")
    assert 1 == len(guarded.outbox.logs[NAMES.generations, 0])


@pytest.mark.virtual_time
async def test_a_token_that_cannot_be_read_for_a_moment_does_not_end_the_watch(
    guarded: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that connects reads the token, whose file may be rewritten in place."""
    failures, n_measured = [CredentialsError("The token has an empty first line.")], 0

    async def measured(*_: object) -> None:
        nonlocal n_measured
        n_measured += 1
        if failures:
            raise failures.pop()

    monkeypatch.setattr(LostPlays, "measure", measured)
    async with guarded.outbox:
        watching = asyncio.create_task(guarded.guard.watch(asyncio.Lock(), guarded.write))
        await asyncio.sleep(5)
        assert not watching.done()
        watching.cancel()

    assert 2 == n_measured, "a failed measurement is repeated, once"
    assert 1 == len(guarded.outbox.logs[NAMES.generations, 0])


@pytest.mark.virtual_time
async def test_a_topic_that_grows_ends_the_watch(guarded: Scene) -> None:
    """Also one that nothing is read from."""
    guarded.cluster.partitions[NAMES.recommendations] = 3

    with pytest.raises(TopicChangedError, match=r"^Topic recommendations has 3 partitions now"):
        await guarded.guard.watch(asyncio.Lock(), guarded.write)


@pytest.mark.virtual_time
async def test_a_topic_is_gone_after_some_seconds(guarded: Scene) -> None:
    """A broker that starts knows no topic for a moment."""
    loop = asyncio.get_running_loop()
    removed = guarded.cluster.ids.pop(NAMES.plays)
    loop.call_later(2, guarded.cluster.ids.__setitem__, NAMES.plays, removed)
    await guarded.admit(10)
    del guarded.cluster.ids[NAMES.plays]

    with pytest.raises(TopicChangedError, match=r"^Topic plays does not exist any more\. .* `playfold state rebase`"):
        await guarded.guard.watch(asyncio.Lock(), guarded.write)


@pytest.mark.virtual_time
async def test_a_watch_waits_for_no_group(guarded: Scene) -> None:
    """It takes the lock of groups once, to verify the state; then a remade topic is noticed while a group goes on."""
    turn = asyncio.Lock()
    await guarded.outbox.start()
    watching = asyncio.create_task(guarded.guard.watch(turn, guarded.write))
    await asyncio.sleep(3)
    async with turn:
        guarded.cluster.ids[NAMES.plays] = "new-id"
        with pytest.raises(TopicChangedError, match=r"^Topic plays is another topic now: its id is new-id"):
            await asyncio.wait_for(watching, 3)


@pytest.mark.virtual_time
async def test_records_of_a_group_during_a_watch_are_no_lost_ones(guarded: Scene) -> None:
    """The ends that Kafka gave before them are compared with the places of before the question."""

    async def grow(tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        before = dict(guarded.cluster.ends)
        guarded.cluster.ends = {topic: end + 100 for topic, end in before.items()}
        guarded.state.commit([], Place(before[NAMES.users_changelog] + 99, before[NAMES.plays] + 99))
        return {tp: before[tp.topic] for tp in tps}

    await guarded.outbox.start()
    await guarded.admit(10)
    guarded.cluster.end_offsets = grow  # type: ignore[method-assign]
    watching = asyncio.create_task(guarded.guard.watch(asyncio.Lock(), guarded.write))
    await asyncio.sleep(5)

    assert not watching.done()
    watching.cancel()


@pytest.mark.virtual_time
async def test_a_worker_that_fetches_a_topic_that_is_gone_ends(guarded: Scene) -> None:
    """The state may be of the present one, while a broker that lagged behind gave the old id."""
    await guarded.admit(10)
    guarded.fetched_id = "old-id"

    with pytest.raises(TopicChangedError, match=r"fetches the one with id old-id\. Start the worker again\.$"):
        await guarded.guard.watch(asyncio.Lock(), guarded.write)
