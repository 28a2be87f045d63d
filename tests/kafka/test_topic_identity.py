"""Topics that are deleted and made again, lose records or grow, under a running worker and between two runs."""

import asyncio
import shutil
from collections.abc import Sequence

import pytest

from cli.processes import WorkerProcess
from jobs.progress import no_progress
from jobs.topics.rebase import rebase
from jobs.user_requests.send import OtherTopicError, RequestTimeoutError, send_and_wait
from state.keys import EPOCH_KEY
from state.users.plays_epoch import read_epoch
from state.users.record import UserRecord
from streams.messages.events import Pause, Resume
from streams.outbox import Item
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.commands import error_of
from tests.support.plays import play_record
from tests.support.topics import delete, grow_topic, remake, send, values, worker, write
from tests.support.wait import block_until

USERS = [f"u{number}" for number in range(12)]


def plays(first: int, n: int) -> list[Item]:
    """Return plays of every listener, each of another item."""
    return [play_record(user, f"i{item}") for user in USERS for item in range(first, first + n)]


def records(settings: Settings, names: TopicNames) -> dict[str, UserRecord]:
    """Return the latest record of every listener."""
    pairs = dict(values(settings, names.users_changelog))
    return {key.decode(): UserRecord.decode(value) for key, value in pairs.items() if key[:1] != b"\x00"}


def total(settings: Settings, names: TopicNames) -> int:
    """Return the plays of all records."""
    return sum(record.plays for record in records(settings, names).values())


def said_at_end(process: WorkerProcess) -> str:
    """Return the last sentence of a worker that ended by itself."""
    block_until(lambda: not process.running, 30)
    return process.describe_end()


def learn(settings: Settings, names: TopicNames, batches: Sequence[list[Item]]) -> None:
    """Run a worker until it has learnt plays."""
    before, n = total(settings, names), sum(map(len, batches))
    with worker(settings):
        for batch in batches:
            send(settings, batch)
        block_until(lambda: total(settings, names) == before + n, 30)
        block_until(lambda: asyncio.run(latest_state_topics(settings)) is not None, 10)


def test_plays_made_again_between_two_runs_are_another_topic(settings: Settings, names: TopicNames) -> None:
    """The worker stops with both ids and the command; histories stay as they were, even with a wiped disk."""
    learn(settings, names, [plays(0, 10)])
    known = asyncio.run(latest_state_topics(settings))
    assert known is not None
    remake(settings, names.plays)
    send(settings, plays(10, 3))

    said = error_of("worker", settings)

    assert f"Topic {names.plays} is another topic now: its id is " in said
    assert f"from the one with id {known.plays_id}. No play of the new topic was learnt. " in said
    assert "run `playfold state rebase`" in said
    shutil.rmtree(settings.application.worker_path)
    assert f"from the one with id {known.plays_id}" in error_of("worker", settings)
    assert dict.fromkeys(USERS, 10) == {user: record.plays for user, record in records(settings, names).items()}


def test_plays_made_again_under_a_running_worker_are_not_learnt(settings: Settings, names: TopicNames) -> None:
    """Neither as delivered again nor as new ones: the worker stops, and the plays wait on the new topic."""
    with worker(settings) as process:
        send(settings, plays(0, 10))
        block_until(lambda: total(settings, names) == 120, 30)

        remake(settings, names.plays)
        send(settings, plays(10, 20))  # beyond the old offsets

        assert f"Topic {names.plays} is another topic now" in said_at_end(process)
    assert 120 == total(settings, names)


def test_a_topic_that_is_gone_ends_a_worker_with_a_sentence(settings: Settings, names: TopicNames) -> None:
    """It says how to go on with the histories."""
    with worker(settings) as process:
        send(settings, plays(0, 1))
        block_until(lambda: total(settings, names) == 12, 30)

        delete(settings, names.plays)

        assert f"Topic {names.plays} does not exist any more" in said_at_end(process)


def test_a_topic_without_a_known_id_is_recognised_by_its_end(settings: Settings, names: TopicNames) -> None:
    """A state of an older version adopts the id of a plausible topic, and refuses one that ends too early."""
    learn(settings, names, [plays(0, 10)])
    shutil.rmtree(settings.application.worker_path)
    users_and_names = [item for item in values(settings, names.users_changelog) if item[0] != EPOCH_KEY]
    by_key = {key: [value for other, value in users_and_names if other == key] for key, _ in users_and_names}
    remake(settings, names.users_changelog, names.generations)
    write(
        settings, names.users_changelog, [(key, history[-1]) for key, history in by_key.items() if key[:1] != b"\x00"]
    )
    remake(settings, names.plays)
    send(settings, plays(10, 1))

    said = error_of("worker", settings)

    assert f"Topic {names.plays} ends at offset " in said
    assert "were already processed: it lost records, or it is another topic." in said


def test_a_state_stores_the_ids_of_its_topics(settings: Settings, names: TopicNames) -> None:
    """In the changelog of every partition, and for all readers on the topic of generations."""
    learn(settings, names, [plays(0, 1)])

    epochs = [read_epoch(value) for key, value in values(settings, names.users_changelog) if key == EPOCH_KEY]

    published = asyncio.run(latest_state_topics(settings))
    assert published is not None
    assert 4 == len(epochs)
    assert {(0, published.plays_id)} == {(epoch.epoch, epoch.topic_id) for epoch in epochs}


def test_a_changelog_made_again_is_recognised_by_the_disk(settings: Settings, names: TopicNames) -> None:
    """Its records would otherwise be taken for those that the disk lacks."""
    learn(settings, names, [plays(0, 2)])
    remake(settings, names.users_changelog)

    said = error_of("worker", settings)

    assert f"Topic {names.users_changelog} is another topic now" in said
    assert "run `playfold state rebase --from-disk`" in said


def test_partitions_that_grow_end_a_worker_with_a_sentence(settings: Settings, names: TopicNames) -> None:
    """Within seconds, with both numbers and the command."""
    with worker(settings) as process:
        grow_topic(settings, names.plays, 8)

        said = said_at_end(process)

    assert f"Topic {names.plays} has 8 partitions now, but PLAYFOLD_PARTITIONS is 4" in said
    assert "run `playfold topics repartition 8`" in said


def test_no_receipt_without_an_effect(settings: Settings, names: TopicNames) -> None:
    """A request to another topic is not sent; one that no worker processes is reported as waiting."""
    hasty = override(settings, kafka_timeout_s=3.0)
    with pytest.raises(RequestTimeoutError, match=r"but no worker processed it within 3 s\."):
        asyncio.run(send_and_wait(Resume(user_id="u1"), hasty))
    learn(settings, names, [plays(0, 2)])
    remake(settings, names.plays)

    with pytest.raises(OtherTopicError, match=r"^The request was not sent: topic .* has the id .* `playfold state reb"):
        asyncio.run(send_and_wait(Pause(user_id="u1"), hasty))

    assert [] == values(settings, names.plays)


def test_a_changelog_made_again_is_recognised_without_a_disk(settings: Settings, names: TopicNames) -> None:
    """Workers have published its id; a rebase accepts that its histories are gone."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 2)])
    shutil.rmtree(quick.application.worker_path)
    remake(quick, names.users_changelog)

    said = error_of("worker", quick)

    assert f"Topic {names.users_changelog} is another topic now" in said
    assert "of which this disk has no state" in said
    asyncio.run(rebase(quick, None, no_progress))
    with worker(quick):
        send(quick, plays(2, 1))
        block_until(lambda: total(quick, names) == 12, 30)
