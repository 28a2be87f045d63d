"""A private session on a real Kafka: its list arrives, and nothing of it is found in any other file or topic."""

import asyncio
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import rocksdict

from jobs.histories.snapshot import open_snapshot, write_snapshot
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from state.generations.open_store import generation_store
from state.keys import item_key, play_id_key, user_key
from streams.kafka.broker import Broker
from streams.messages.records import Recommendations
from streams.outbox import Item
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.plays import play_record, plays_of_neighbours
from tests.support.topics import await_folded, lists, rejects, send, values, worker
from tests.support.wait import block_until


class Secret(NamedTuple):
    """Text that only one test knows."""

    item: str
    play_id: str
    listener: str

    @property
    def traces(self) -> list[bytes]:
        """Return the bytes by which item and play may be found."""
        return [*traces_of(self.item, item_key(self.item)), *traces_of(self.play_id, play_id_key(self.play_id))]


@pytest.fixture
def secret() -> Secret:
    """Give a secret."""
    return Secret(*(f"secret-{what}-{uuid.uuid4().hex}" for what in Secret._fields))


def private(user: str, item: str, **fields: Any) -> Item:
    """Return a private play."""
    return play_record(user, item, private=True, **fields)


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which a generation is made in no time."""
    assert names.plays
    return override(settings, factors=8, iterations=2, index_trees=2, related_n=0, list_n=5)


def traces_of(text: str, key: int) -> list[bytes]:
    """Return the bytes by which something may be found: as text, as its key either way round, as JSON has the key."""
    forms = [text.encode(), key.to_bytes(8, "big"), key.to_bytes(8, "little")]
    return [*forms, str(key).encode(), f"{key:016x}".encode()]


def private_lists(settings: Settings) -> dict[str, Recommendations]:
    """Return every user's latest private list."""
    records = values(settings, topic_names(settings).private_recommendations)
    return {key.decode(): msgspec.json.decode(value, type=Recommendations) for key, value in records}


def searched(settings: Settings, broker: Broker) -> Iterator[tuple[str, bytes]]:
    """Yield everything that is kept, by where it stands, but for the topic of the plays."""
    names = topic_names(settings)
    for path in [path for path in settings.application.data_path.rglob("*") if path.is_file()]:
        yield str(path), path.read_bytes()
    for folder in [path.parent for path in settings.application.workers_path.rglob("CURRENT")]:
        yield from entries_of(folder)  # what RocksDB has packed
    for name in msgspec.structs.asdict(names).values():
        if name != names.plays:
            yield from records_of(settings, name)  # what a producer has packed
    for folder_name, _, file_names in os.walk(broker.folder):  # it leaves out folders that go meanwhile
        for path in [Path(folder_name, file_name) for file_name in file_names]:
            if may_hold_a_trace(path, settings):
                with suppress(FileNotFoundError):  # the broker goes on, with topics of other tests
                    yield str(path), path.read_bytes()


def may_hold_a_trace(path: Path, settings: Settings) -> bool:
    """Return whether a file of the broker has more than offsets, is of no other test, and is not of the plays."""
    topic = path.parent.name.rpartition("-")[0]
    of_another_test = topic.startswith("test-") and not topic.startswith(settings.application.group)
    holds_offsets = path.suffix in {".index", ".timeindex"}  # as large as they may become, from the beginning
    is_plays = topic == topic_names(settings).plays
    return not (of_another_test or holds_offsets or is_plays)


def entries_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield keys and values of a state that nobody has open."""
    access = rocksdict.AccessType.read_only(error_if_log_file_exist=False)
    database = rocksdict.Rdict(str(folder), rocksdict.Options(raw_mode=True), access_type=access)
    for key, value in database.items():
        yield f"entry of {folder}", key + b" " + value
    database.close()


def records_of(settings: Settings, topic: str) -> list[tuple[str, bytes]]:
    """Return keys and values of a topic."""

    async def read() -> list[tuple[str, bytes]]:
        reading = read_topic(settings.kafka, topic, 10)
        return [
            (f"topic {topic}", (record.key or b"") + b" " + (record.value or b""))
            async for _, records in reading
            for record in records
        ]

    return asyncio.run(read())


def found_in(settings: Settings, broker: Broker, *wanted: list[bytes]) -> list[set[str]]:
    """Return where each of some things stands."""
    places_of_each: list[set[str]] = [set() for _ in wanted]
    for place, content in searched(settings, broker):
        for places, traces in zip(places_of_each, wanted, strict=True):
            if any(trace in content for trace in traces):
                places.add(place)
    return places_of_each


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_nothing_is_found_of_a_private_session(small: Settings, broker: Broker, secret: Secret, killed: bool) -> None:  # noqa: FBT001
    """Neither its item, nor the client's id, nor a listener with private plays alone; private lists arrive."""
    names = topic_names(small)
    send(small, plays_of_neighbours())
    with worker(small) as process:
        await_folded(small)
        made = retrain(small, no_progress)
        whole = [made.generation] * 12
        block_until(lambda: [a_list.generation for a_list in lists(small).values()] == whole, 20)
        before = lists(small)
        record = dict(values(small, names.users_changelog))[b"u0"]
        item = before["u0"].items[0]

        session = [
            private("u0", secret.item, play_id=secret.play_id),
            private("u0", item),
            private(secret.listener, "i2"),
        ]
        unreadable = private("u0", secret.item, type="secret"), private(secret.listener, secret.item, played_at_ms=3)
        send(small, [*session, *unreadable])
        block_until(lambda: {"u0", secret.listener} <= private_lists(small).keys(), 20)
        block_until(lambda: len(rejects(small)) == 2, 10)
        # Its plays may come in several groups: the last list is that of all of them.
        block_until(lambda: item not in private_lists(small)["u0"].items, 20)

        listed = private_lists(small)
        assert {True} == {a_list.private for a_list in listed.values()}
        assert not {item, secret.item} & set(listed["u0"].items)
        assert before == lists(small)
        assert record == dict(values(small, names.users_changelog))[b"u0"]
        if killed:
            process.kill()
        else:
            process.stop()

    check_places(small, broker, secret)
    assert_next_generation_knows_nothing(small, secret)


def check_places(settings: Settings, broker: Broker, secret: Secret) -> None:
    """Check that the private play is nowhere, and its listener on the topic of private lists alone."""
    private_topic = topic_names(settings).private_recommendations
    listener = traces_of(secret.listener, user_key(secret.listener))
    of_play, places = found_in(settings, broker, secret.traces, listener)
    assert set() == of_play
    expected = {f"topic {private_topic}"}
    assert expected <= places
    assert {private_topic} == {Path(place).parent.name.rpartition("-")[0] for place in places - expected}


def assert_next_generation_knows_nothing(settings: Settings, secret: Secret) -> None:
    """Look into a snapshot, a generation and the lists that are made after a session."""
    with worker(settings):
        send(settings, [play_record("u0", "i8")])
        folder = settings.application.data_path / "snapshot"
        folder.mkdir()
        snapshot = asyncio.run(write_snapshot(settings, folder, no_progress))
        assert secret.item not in open_snapshot(folder).item_ids().values()
        assert secret.listener not in snapshot.users()["user_id"].to_pylist()
        made = retrain(settings, no_progress)
        block_until(lambda: lists(settings)["u0"].generation == made.generation, 20)
    generation = generation_store(settings).open(made.generation)
    assert secret.item not in generation.item_ids.tolist()
    assert secret.listener not in lists(settings)
    assert all(secret.item not in json.dumps(msgspec.to_builtins(a_list)) for a_list in lists(settings).values())


def test_the_search_finds_what_is_kept(small: Settings, broker: Broker, secret: Secret) -> None:
    """Of the same play without the flag: on every way on which it could have leaked."""
    names = topic_names(small)
    send(small, [play_record(secret.listener, secret.item)])
    with worker(small):
        block_until(lambda: secret.listener.encode() in dict(values(small, names.users_changelog)), 20)

    (places,) = found_in(small, broker, secret.traces)

    assert f"topic {names.users_changelog}" in places
    assert any(place.startswith("entry of ") for place in places)
    assert any(f"{names.users_changelog}-" in place for place in places)
