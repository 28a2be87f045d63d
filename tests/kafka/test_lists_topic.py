"""The topic of lists deleted and made again: workers publish every list again by themselves."""

import asyncio
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest

from cli.processes import WorkerProcess
from jobs.doctor.doctor import Doctor
from jobs.user_requests.send import send_and_wait
from state.keys import LISTS_KEY
from state.users.lists_topic import ListsTopic, read_lists_topic
from state.users.record_bytes import plays_of
from streams.messages.events import Forget, Hide
from streams.outbox import Outbox
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.changelog import read_history
from tests.support.forked import run_forked
from tests.support.made_up import made_up_factors, produce_plays, publish
from tests.support.plays import play_record
from tests.support.topics import READY_S, await_folded, lists, remake, send, values, worker
from tests.support.wait import block_until

USERS, ITEMS, FACTORS, GROUP = 1200, 50, 8, 10
PLAYING = range(20, 30)
"""Listeners that play all the time."""
REPUBLISHED_S = 40.0


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings with small groups, and publish a generation."""
    assert names.recommendations
    prepared = override(settings, factors=FACTORS, list_n=10, sweep_users=GROUP, rank="exact", pulse_s=0.5)
    publish(prepared, made_up_factors(ITEMS, FACTORS, np.random.default_rng(1)))
    return prepared


@pytest.fixture
def slow(small: Settings) -> Settings:
    """Give settings with groups of one listener, under which lists take seconds to come back."""
    return override(small, sweep_users=1)


def play_all(settings: Settings) -> None:
    """Let every listener play once, and wait for their lists."""
    send(settings, [play_record(f"u{number}", f"i{number % ITEMS}") for number in range(USERS)])
    await_folded(settings)
    assert USERS == len(lists(settings))


def lists_topics(settings: Settings, names: TopicNames) -> list[ListsTopic]:
    """Return the record on the topic of lists of every partition that has one."""

    async def read() -> dict[int, ListsTopic]:
        latest: dict[int, ListsTopic] = {}
        async for partition, records in read_topic(settings.kafka, names.users_changelog, 10):
            for record in records:
                if record.key == LISTS_KEY:
                    latest[partition] = read_lists_topic(record.value)
        return latest

    return list(asyncio.run(read()).values())


def are_published(settings: Settings, names: TopicNames) -> bool:
    """Return whether every partition says that all of its lists are on the same topic."""
    records = lists_topics(settings, names)
    is_same = len(records) == settings.topics.partitions and len({one.topic_id for one in records}) == 1
    return is_same and not any(one.since_ms for one in records)


def items_of(settings: Settings, user_id: str) -> set[str]:
    """Return the items of a listener's list."""
    return set(lists(settings)[user_id].items)


def events_of(process: WorkerProcess, name: str) -> list[dict[str, object]]:
    """Return the log events with a name since the last start."""
    return [event for event in process.events() if event["event"] == name]


def await_republished(process: WorkerProcess, settings: Settings) -> None:
    """Wait until a worker has published the lists of all partitions again."""

    def is_done() -> bool:
        assert process.running, process.describe_end()
        return len(events_of(process, "lists_republished")) == settings.topics.partitions

    block_until(is_done, REPUBLISHED_S)


def test_lists_come_back_under_a_running_worker(small: Settings, names: TopicNames) -> None:
    """All of them once, by the listeners' present wishes, and none of a forgotten listener."""
    with worker(small) as process:
        play_all(small)
        hidden = lists(small)["u1"].items[0]
        asyncio.run(send_and_wait(Hide(user_id="u1", item_id=hidden), small))
        block_until(lambda: hidden not in items_of(small, "u1"))
        asyncio.run(send_and_wait(Forget(user_id="u2"), small))

        remake(small, names.recommendations)
        await_republished(process, small)

        published = Counter(key.decode() for key, _ in values(small, names.recommendations))
        assert {f"u{number}": 1 for number in range(USERS) if number != 2} == dict(published)
        assert hidden not in items_of(small, "u1")
        assert are_published(small, names)
        send(small, [play_record("u3", "i9")])
        await_folded(small)
    assert USERS - 1 == len(lists(small))


@contextmanager
def plays_flowing(settings: Settings) -> Iterator[list[int]]:
    """Send plays of ten listeners until the block ends; yields how many, once that is over."""
    stop, n_sent = threading.Event(), list[int]()

    async def produce() -> None:
        async with Outbox(settings.kafka) as outbox:
            for number in count():
                if stop.is_set():
                    n_sent.append(number * len(PLAYING))
                    return
                plays = [play_record(f"u{user}", f"i{(user + number) % ITEMS}") for user in PLAYING]
                await produce_plays(outbox, settings, plays)
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(produce()))
    thread.start()
    try:
        yield n_sent
    finally:
        stop.set()
        thread.join()


def test_plays_go_on_while_lists_come_back(small: Settings, names: TopicNames) -> None:
    """Each counts once, also those whose lists were on their way to the topic that was deleted."""
    with worker(small) as process:
        play_all(small)
        with plays_flowing(small) as n_sent:
            remake(small, names.recommendations)
            await_republished(process, small)
        await_folded(small)

    assert USERS == len(lists(small))
    records = asyncio.run(read_history(small)).users.values()
    assert USERS + n_sent[0] == sum(plays_of(value) for value in records)
    assert n_sent[0] > len(PLAYING)


def test_lists_come_back_that_were_lost_while_workers_were_stopped(small: Settings, names: TopicNames) -> None:
    """At the next start, without a play; a further start publishes nothing."""
    with worker(small):
        play_all(small)
    remake(small, names.recommendations)

    with worker(small) as process:
        await_republished(process, small)
        assert USERS == len(values(small, names.recommendations))
        process.stop()
        process.start()
        process.await_ready(READY_S)
        publish(small, made_up_factors(ITEMS, FACTORS, np.random.default_rng(2)))
        block_until(lambda: len(events_of(process, "partition_swept")) == small.topics.partitions, REPUBLISHED_S)

        assert [] == events_of(process, "lists_topic_remade")
        assert [] == events_of(process, "lists_republished")
    assert 2 * USERS == len(values(small, names.recommendations))
    assert USERS == len(lists(small))


@pytest.mark.parametrize("disk", ["there", "lost"])
def test_a_killed_worker_goes_on_where_it_was(slow: Settings, names: TopicNames, disk: str) -> None:
    """The next one, here or elsewhere, publishes the lists that are left, and the group that was on its way."""
    with worker(slow) as process:
        play_all(slow)
        remake(slow, names.recommendations)
        block_until(lambda: len(values(slow, names.recommendations)) > 0, 20)

        process.kill()

        done = len(values(slow, names.recommendations))
        assert 0 < done < USERS
        if disk == "lost":
            shutil.rmtree(slow.application.worker_path)
        process.start()
        block_until(lambda: are_published(slow, names), REPUBLISHED_S)
        assert USERS == len(lists(slow))

        n_records = len(values(slow, names.recommendations))
    assert USERS <= n_records <= USERS + 2


def test_lists_come_back_from_the_disk_after_all_topics_were_lost(small: Settings, names: TopicNames) -> None:
    """A state on the disk names the topic of its lists, and takes that into the new changelog."""
    quick = override(small, session_timeout_s=3)
    with worker(quick):
        play_all(quick)
    remake(quick, names.users_changelog, names.recommendations)

    written = run_forked(quick, "state", "rebase", "--from-disk")

    assert 0 == written.returncode, written.stderr
    with worker(quick) as process:
        await_republished(process, quick)
    assert USERS == len(lists(quick))


def test_the_doctor_says_that_lists_are_published_again(slow: Settings, names: TopicNames) -> None:
    """While it goes on, with the progress; afterwards there is nothing to say."""
    with worker(slow) as process:
        play_all(slow)
        remake(slow, names.recommendations)

        def said() -> bool:
            findings = asyncio.run(Doctor(slow).examine())
            return any("The topic of lists was made again." in str(finding) for finding in findings)

        block_until(said, 20)
        await_republished(process, slow)
        block_until(lambda: not said(), 20)
