"""A listener is forgotten, on a real Kafka: by the worker, on every topic, and in the next generation."""

import asyncio
import subprocess
import sys

import msgspec
import pytest

from cli.processes import environment_of
from jobs.forget import ForgetError, Receipt, forget, look_for
from jobs.history import open_snapshot, write_snapshot
from jobs.retrain import retrain
from jobs.step import unwatched
from state.user_record import UserRecord, is_forgotten
from streams.settings import Settings
from streams.topics import TopicNames
from tests.kafka.watching import await_true, play, send, values, worker


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which a generation is made in no time."""
    assert names.plays
    return msgspec.structs.replace(settings, factors=8, iterations=2, index_trees=2, related_n=0, list_n=5)


def latest(settings: Settings, topic: str, user: str) -> bytes | None:
    """Return what stands last under a user's key."""
    return dict(values(settings, topic)).get(user.encode())


def test_nothing_stands_of_a_listener_who_is_forgotten(
    small: Settings, names: TopicNames, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The receipt names the places; the next snapshot, generation and list know what was played since, and no more."""
    send(small, [play(f"u{number}", f"i{item}") for number in range(12) for item in range(number % 5, number % 5 + 5)])
    with worker(small):
        assert await_true(lambda: len(set(dict(values(small, names.users_changelog)))) >= 12 + 9, 60)
        retrain(small, unwatched)
        assert await_true(lambda: latest(small, names.recommendations, "u3") is not None, 20)
        assert any(trace.stands for trace in asyncio.run(look_for("u3", small)))

        receipt = asyncio.run(forget("u3", small))

        marker = latest(small, names.users_changelog, "u3")
        assert marker is not None
        assert is_forgotten(marker)
        assert receipt.plays_offset == UserRecord.decode(marker).applied_offset
        assert latest(small, names.recommendations, "u3") is None
        traces = {trace.topic: (trace.stands, trace.older) for trace in asyncio.run(look_for("u3", small))}
        assert {names.users_changelog, names.recommendations, names.plays, names.plays_rejected} == set(traces)
        assert [False] * 4 == [stands for stands, _ in traces.values()]
        assert (5, 0) == (traces[names.plays][1], traces[names.plays_rejected][1])
        folder = tmp_path_factory.mktemp("snapshot")
        asyncio.run(write_snapshot(small, folder, unwatched))
        assert "u3" not in open_snapshot(folder).users()["user_id"].to_pylist()
        assert 11 == retrain(small, unwatched).users

        send(small, [play("u3", "i0")])

        assert await_true(lambda: latest(small, names.recommendations, "u3") is not None, 20)
        record = UserRecord.decode(latest(small, names.users_changelog, "u3") or b"")
        assert (1, 1) == (record.plays, len(record.history))


def test_without_a_worker_the_wish_is_kept(small: Settings, names: TopicNames) -> None:
    """The sentence says where it stands; a worker that starts later carries it out."""
    send(small, [play("ann", "i1")])
    hasty = msgspec.structs.replace(small, kafka_timeout_s=1.0)

    with pytest.raises(ForgetError) as caught:
        asyncio.run(forget("ann", hasty))

    assert str(caught.value).startswith("The wish of 'ann' stands at offset 1 of partition ")
    assert str(caught.value).endswith("and no worker carried it out within 1 s: it will be when one runs.")
    with worker(small):
        assert await_true(lambda: is_forgotten(latest(small, names.users_changelog, "ann") or b""), 20)


def test_the_command_gives_a_receipt_and_verifies(small: Settings, names: TopicNames) -> None:
    """In JSON for machines; a verification that finds something ends with status 1."""
    send(small, [play("ann", "i1"), play("ben", "i1")])
    with worker(small):
        assert await_true(lambda: latest(small, names.users_changelog, "ben") is not None, 20)
        given = run(small, "ann", "--json")
        clean, found = run(small, "ann", "--verify"), run(small, "ben", "--verify", "--json")

    receipt = msgspec.json.decode(given.stdout, type=Receipt)
    assert ("ann", 0) == (receipt.user_id, given.returncode)
    assert (0, 4) == (clean.returncode, clean.stdout.count("nothing of them stands"))
    assert (1, True) == (found.returncode, msgspec.json.decode(found.stdout.splitlines()[0])["stands"])


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `playfold forget`."""
    command = [sys.executable, "-m", "cli.main", "forget", *arguments]
    return subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, check=False)
