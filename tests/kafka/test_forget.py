"""A listener is forgotten, on a real Kafka: by the worker, on every topic, and in the next generation."""

import asyncio
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from jobs.histories.snapshot import open_snapshot, write_snapshot
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from jobs.user_requests.send import RequestTimeoutError, send_and_wait
from jobs.user_requests.verify_erasure import Remnant, find_remnants
from state.gateway_view.keys import LIST
from state.gateway_view.view import View
from state.users.record import UserRecord
from state.users.record_bytes import is_forgotten
from streams.messages.events import Forget, Pause
from streams.messages.receipt import Receipt
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.forked import run_forked
from tests.support.plays import play_record, plays_of_neighbours
from tests.support.topics import await_folded, send, values, worker
from tests.support.wait import block_until


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which a generation is made in no time."""
    assert names.plays
    return override(settings, factors=8, iterations=2, index_trees=2, related_n=0, list_n=5)


def latest(settings: Settings, topic: str, user: str) -> bytes | None:
    """Return the last record under a user's key."""
    return dict(values(settings, topic)).get(user.encode())


def test_nothing_stands_of_a_listener_who_is_forgotten(
    small: Settings, names: TopicNames, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The receipt names the places; the next snapshot, generation and list contain later plays alone."""
    send(small, plays_of_neighbours())
    with worker(small):
        await_folded(small)
        retrain(small, no_progress)
        block_until(lambda: latest(small, names.recommendations, "u3") is not None, 20)
        assert any(remnant.stands for remnant in asyncio.run(find_remnants("u3", small)))

        receipt = asyncio.run(send_and_wait(Forget(user_id="u3"), small))

        marker = latest(small, names.users_changelog, "u3")
        assert marker is not None
        assert is_forgotten(marker)
        assert receipt.plays_offset == UserRecord.decode(marker).applied_offset
        assert latest(small, names.recommendations, "u3") is None
        remnants = {
            remnant.place: (remnant.stands, remnant.older) for remnant in asyncio.run(find_remnants("u3", small))
        }
        topics = {names.users_changelog, names.recommendations, names.private_recommendations}
        topics |= {names.plays, names.plays_rejected}
        (on_disk,) = remnants.keys() - topics
        assert small.application.worker_path / "users" == Path(on_disk).parent
        assert [False] * 6 == [stands for stands, _ in remnants.values()]
        assert 5 == remnants[names.plays][1]
        assert 0 == remnants[names.plays_rejected][1]
        folder = tmp_path_factory.mktemp("snapshot")
        asyncio.run(write_snapshot(small, folder, no_progress))
        assert "u3" not in open_snapshot(folder).users()["user_id"].to_pylist()
        assert 11 == retrain(small, no_progress).users

        send(small, [play_record("u3", "i0")])

        block_until(lambda: latest(small, names.recommendations, "u3") is not None, 20)
        record = UserRecord.decode(latest(small, names.users_changelog, "u3") or b"")
        assert 1 == record.plays
        assert 1 == len(record.history)


def test_a_processed_request_without_its_effect_is_not_called_queued(small: Settings, names: TopicNames) -> None:
    """A later request may have replaced it in the same group, so no worker processes it once more."""
    home = partition_of("ann", small.topics.partitions)

    async def ask() -> None:
        asking = asyncio.create_task(send_and_wait(Pause(user_id="ann"), override(small, kafka_timeout_s=3.0)))
        async with Outbox(small.kafka) as outbox:
            while not asking.done():
                record = UserRecord(applied_offset=10, plays=1).encode()
                await (await outbox.send(names.users_changelog, home, [(b"ann", record)])).written()
                await asyncio.sleep(0.3)
        await asking

    with pytest.raises(RequestTimeoutError) as caught:
        asyncio.run(ask())

    assert re.fullmatch(
        rf"The request for 'ann' was processed \({names.plays}, partition {home}, offset 0\), but the record that a "
        r"worker wrote \(users changelog, offset \d+\) did not show it within 3 s\. "
        r"Send it again if its effect is missing: a later request may have replaced it\.",
        str(caught.value),
    )


def test_without_a_worker_the_request_is_queued(small: Settings, names: TopicNames) -> None:
    """The error names its place; a worker that starts later processes it."""
    send(small, [play_record("ann", "i1")])
    hasty = override(small, kafka_timeout_s=1.0)

    with pytest.raises(RequestTimeoutError) as caught:
        asyncio.run(send_and_wait(Forget(user_id="ann"), hasty))

    place = f"{names.plays}, partition {partition_of('ann', small.topics.partitions)}, offset 1"
    assert (
        f"The request for 'ann' is queued ({place}), but no worker processed it within 1 s. "
        "It is processed as soon as a worker runs."
    ) == str(caught.value)
    with worker(small):
        block_until(lambda: is_forgotten(latest(small, names.users_changelog, "ann") or b""), 20)


def test_what_a_worker_left_on_the_disk_is_found(small: Settings, names: TopicNames) -> None:
    """A remnant is reported with its folder; a record that is not flushed yet is not; damage is reported."""
    send(small, [play_record("ann", "i1"), play_record("ben", "i1")])
    with worker(small):
        block_until(lambda: latest(small, names.users_changelog, "ben") is not None, 20)
    with worker(small):
        asyncio.run(send_and_wait(Forget(user_id="ann"), small))
        remnants = {user: on_disk(small, user) for user in ("ann", "ben")}

    assert [(False, 1, None)] == [(remnant.stands, remnant.older, remnant.unread) for remnant in remnants["ann"]]
    assert [(True, 0, None)] == [(remnant.stands, remnant.older, remnant.unread) for remnant in remnants["ben"]]
    assert [(False, 0)] == [(remnant.stands, remnant.older) for remnant in on_disk(small, "ann")]

    for manifest in Path(remnants["ben"][0].place).glob("MANIFEST-*"):
        manifest.write_bytes(b"nothing")
    (damaged,) = on_disk(small, "ben")
    assert f"The state in {damaged.place} cannot be read: " in (damaged.unread or "")


def test_histories_of_an_unfinished_run_are_found(small: Settings, names: TopicNames) -> None:
    """The snapshot that a retrain died after: its generation would be made of them."""
    assert names.plays
    send(small, [play_record("ann", "i1"), play_record("ben", "i1")])
    with worker(small):
        block_until(lambda: latest(small, names.users_changelog, "ben") is not None, 20)
        asyncio.run(send_and_wait(Forget(user_id="ann"), small))
    folder = small.application.nights_path / "run" / "snapshot"
    folder.mkdir(parents=True)
    asyncio.run(write_snapshot(small, folder, no_progress))

    traces_left = {
        user: [remnant for remnant in on_disk(small, user) if remnant.place.startswith(str(folder))]
        for user in ("ann", "ben")
    }

    assert {"ann": [False], "ben": [True]} == {
        user: [remnant.stands for remnant in remnants] for user, remnants in traces_left.items()
    }


def test_lists_that_a_gateway_holds_are_found(small: Settings, names: TopicNames) -> None:
    """One that the topic has said something later of is overtaken; another one would stay."""
    partition, value = partition_of("ann", small.topics.partitions), b'{"offset":0,"expires_at_ms":9}'

    async def write() -> int:
        async with Outbox(small.kafka) as outbox:
            listed = await outbox.send(names.recommendations, partition, [(b"ann", value)])
            return (await listed.written()).last

    at = asyncio.run(write())
    view = View(small.application.gateway_path / "view")
    view.store(LIST, names.recommendations, partition, [(b"ann", value)], at)
    overtaken = [(remnant.stands, remnant.older) for remnant in on_disk_after(view, small, "ann")]
    view = View(small.application.gateway_path / "view")
    view.store(LIST, names.recommendations, partition, [(b"ann", value)], at + 1)

    assert [(False, 1)] == overtaken
    assert [(True, 0)] == [(remnant.stands, remnant.older) for remnant in on_disk_after(view, small, "ann")]


def on_disk_after(view: View, settings: Settings, user: str) -> list[Remnant]:
    """Close a view, and return the remnants of a user on this machine."""
    view.close()
    return on_disk(settings, user)


def on_disk(settings: Settings, user: str) -> list[Remnant]:
    """Return the remnants of a user on this machine."""
    return [
        remnant
        for remnant in asyncio.run(find_remnants(user, settings))
        if remnant.place.startswith(settings.application.data_dir)
    ]


def test_the_command_gives_a_receipt_and_verifies(small: Settings, names: TopicNames) -> None:
    """In JSON for machines; a verification that finds something ends with status 1."""
    send(small, [play_record("ann", "i1"), play_record("ben", "i1")])
    with worker(small):
        block_until(lambda: latest(small, names.users_changelog, "ben") is not None, 20)
        given = run(small, "ann", "--json")
        clean, unclean = run(small, "ann", "--verify"), run(small, "ben", "--verify", "--json")

    receipt = msgspec.json.decode(given.stdout, type=Receipt)
    assert "forget" == receipt.wish
    assert "ann" == receipt.user_id
    assert 0 == given.returncode
    assert 0 == clean.returncode
    assert 6 == clean.stdout.count("no current record")
    assert 1 == unclean.returncode
    assert msgspec.json.decode(unclean.stdout.splitlines()[0])["stands"] is True


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `playfold forget`."""
    return run_forked(settings, "forget", *arguments)
