"""The state copied to more partitions, or to fewer: exactly, resumable, and with a way back."""

import asyncio
from contextlib import closing

import msgspec
import pytest
from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from jobs.progress import no_progress
from jobs.topics import target as target_module
from jobs.topics.repartition import Repartitioned, repartition
from state.keys import is_user
from state.users.record import UserRecord
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.kafka.deaths import Deaths, DiedError
from tests.kafka.test_topic_identity import USERS, learn, plays, records, total
from tests.kafka.test_wishes import prepared
from tests.support.commands import error_of
from tests.support.forked import run_forked, run_started
from tests.support.topics import delete, grow_topic, lists, remake, send, worker
from tests.support.wait import block_until


def of_new(settings: Settings, partitions: int) -> Settings:
    """Return the settings of the new topics."""
    prefix, group = settings.topics.prefix, settings.application.group
    return override(
        settings, partitions=partitions, topic_prefix=f"p{partitions}-{prefix}", group=f"{group}-p{partitions}"
    )


def repartitioned(settings: Settings, partitions: int) -> Repartitioned:
    """Run a repartition to its end."""
    ended = run_forked(settings, "topics", "repartition", str(partitions), "--json")
    assert 0 == ended.returncode, ended.stderr
    return msgspec.json.decode(ended.stdout, type=Repartitioned)


def partitions_of_users(settings: Settings) -> dict[str, set[int]]:
    """Return the partitions of the changelog that have a record of a listener."""

    async def read() -> dict[str, set[int]]:
        numbers: dict[str, set[int]] = {}
        async for partition, batch in read_topic(settings.kafka, topic_names(settings).users_changelog, 10):
            for record in batch:
                if is_user(record.key) and record.value is not None:
                    numbers.setdefault(record.key.decode(), set()).add(partition)
        return numbers

    return asyncio.run(read())


def without_lists(stored: dict[str, UserRecord]) -> dict[str, tuple[int, list[tuple[int, float]]]]:
    """Return plays and history of every record."""
    return {
        user: (record.plays, [(entry.item_key, entry.value) for entry in record.history])
        for user, record in stored.items()
    }


def test_the_state_goes_on_with_more_partitions(settings: Settings, names: TopicNames) -> None:
    """Records, lists and waiting plays, each on the partition of its key; and the old settings lead back."""
    old = prepared(override(settings, session_timeout_s=3))
    new = of_new(old, 8)
    learn(old, names, [plays(0, 5)])
    before, lists_before = records(old, names), lists(old)
    send(old, plays(5, 2))

    done = repartitioned(old, 8)

    new_names = topic_names(new)
    assert 24 == done.plays
    assert before == records(new, new_names)
    assert lists_before == lists(new)
    assert {user: {partition_of(user, 8)} for user in USERS} == partitions_of_users(new)
    assert new.topics.prefix == done.topic_prefix
    assert new.application.group == done.group
    with worker(new):
        block_until(lambda: total(new, new_names) == 84, 30)
        send(new, plays(7, 1))
        block_until(lambda: total(new, new_names) == 96, 30)
    send(old, plays(8, 1))  # of a producer that has not moved yet
    assert 12 == repartitioned(old, 8).plays
    with worker(new):
        block_until(lambda: total(new, new_names) == 108, 30)
    with worker(old):  # the way back
        block_until(lambda: total(old, names) == 60 + 24 + 12, 30)
        send(old, plays(9, 1))
        block_until(lambda: total(old, names) == 60 + 24 + 24, 30)
    assert 12 == repartitioned(old, 8).plays  # and forth again
    with worker(new):
        block_until(lambda: total(new, new_names) == 120, 30)
    assert dict.fromkeys(USERS, 10) == {user: record.plays for user, record in records(new, new_names).items()}


def test_a_worker_on_an_unfinished_copy_stops(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It learns nothing, and the next run finishes the copy as if no worker had been there."""
    old = override(settings, session_timeout_s=3)
    new, new_names = of_new(old, 6), topic_names(of_new(old, 6))
    learn(old, names, [plays(0, 5)])
    before = records(old, names)
    send(old, plays(5, 20))
    deaths = Deaths(monkeypatch, target_module)
    deaths.at(6 + 3)
    with pytest.raises(DiedError):
        asyncio.run(repartition(old, new, no_progress))
    monkeypatch.undo()
    assert records(new, new_names).keys() < before.keys()

    said = error_of("worker", new)

    assert " of the state is an unfinished copy: a run of `playfold topics repartition` ended before its last" in said
    rebasing = run_forked(new, "state", "rebase", "--from", "end")
    assert 1 == rebasing.returncode
    assert f"The state in topic {new_names.users_changelog} is an unfinished copy (partition 0): run" in rebasing.stderr
    done = repartitioned(old, 6)
    assert 240 == done.plays
    assert before == records(new, new_names)
    with worker(new):
        block_until(lambda: total(new, new_names) == 300, 30)
    assert dict.fromkeys(USERS, 25) == {user: record.plays for user, record in records(new, new_names).items()}


def test_fewer_partitions_are_as_good(settings: Settings, names: TopicNames) -> None:
    """Listeners of several old partitions come together."""
    old = override(settings, session_timeout_s=3)
    new = of_new(old, 3)
    learn(old, names, [plays(0, 3)])

    repartitioned(old, 3)

    assert without_lists(records(old, names)) == without_lists(records(new, topic_names(new)))
    with worker(new):
        send(new, plays(3, 1))
        block_until(lambda: total(new, topic_names(new)) == 48, 30)


def test_a_topic_that_grew_is_copied_with_all_its_plays(settings: Settings, names: TopicNames) -> None:
    """Also those on the new partitions, which no worker has seen."""
    old = override(settings, session_timeout_s=3)
    learn(old, names, [plays(0, 3)])
    grow_topic(old, names.plays, 8)
    send(override(old, partitions=8), plays(3, 2))
    new = of_new(old, 8)

    done = repartitioned(old, 8)

    assert 24 == done.plays
    with worker(new):
        block_until(lambda: total(new, topic_names(new)) == 60, 30)


def test_a_state_of_another_topic_is_not_copied(settings: Settings, names: TopicNames) -> None:
    """It is rebased first."""
    old = override(settings, session_timeout_s=3)
    learn(old, names, [plays(0, 1)])
    remake(old, names.plays)

    ended = run_started(old, "topics", "repartition", "8")

    assert 1 == ended.returncode
    assert (
        "is another one than that of the state (partition 0), or it lost records: run `playfold state rebase` first."
        in ended.stderr
    )


def test_another_topic_with_more_partitions_is_taken_in_one_step(settings: Settings, names: TopicNames) -> None:
    """A rebase needs equal numbers; all plays of the other topic wait."""
    old = override(settings, session_timeout_s=3)
    learn(old, names, [plays(0, 2)])
    delete(old, names.plays)
    with closing(KafkaAdminClient(bootstrap_servers=old.kafka.brokers)) as admin:
        block_until(lambda: made(admin, names.plays, 8), 20)
    send(override(old, partitions=8), plays(2, 1))

    assert 12 == repartitioned(old, 8).plays

    new = of_new(old, 8)
    with worker(new):
        block_until(lambda: total(new, topic_names(new)) == 36, 30)


def made(admin: KafkaAdminClient, topic: str, partitions: int) -> bool:
    """Return whether a topic could be created; Kafka may still be deleting one of its name."""
    try:
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
    except TopicAlreadyExistsError:
        return False
    return True


def test_the_record_on_the_partition_of_its_key_counts(settings: Settings, names: TopicNames) -> None:
    """A foreign partitioner leaves a listener on two partitions; one that is on a wrong one alone moves to its own."""
    old = override(settings, session_timeout_s=3)
    learn(old, names, [plays(0, 2)])
    wrong = (partition_of("u1", 4) + 1) % 4
    strays: list[Item] = [(user.encode(), UserRecord(plays=9).encode()) for user in ("u1", "stranger-1")]
    asyncio.run(write_to(old, names.users_changelog, wrong, strays))

    done = repartitioned(old, 8)

    new = of_new(old, 8)
    moved = records(new, topic_names(new))
    assert 1 + (partition_of("stranger-1", 4) != wrong) == done.strays
    assert 2 == moved["u1"].plays
    assert 9 == moved["stranger-1"].plays
    assert {partition_of("stranger-1", 8)} == partitions_of_users(new)["stranger-1"]


async def write_to(settings: Settings, topic: str, partition: int, items: list[Item]) -> None:
    """Write records to a partition."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, partition, items)).written()
