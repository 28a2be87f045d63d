"""Every writing program of `examples/` works as docs/producers.md describes."""

import asyncio
import uuid
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.messages.records import CatalogItem
from streams.partitioning import partition_of
from streams.readers.latest_list import latest_list
from tests.acceptance.examples import PROJECT, Desk, program
from tests.acceptance.playfold_with_songs import (
    Scene,
    song,
    title,
)
from tests.support.topics import rejects, values
from tests.support.wait import block_until

PRODUCERS = PROJECT / "docs" / "producers.md"


def test_python_sends_events(scene: Scene, desk: Desk) -> None:
    """Each to its listener's partition, where the program says; a wish is carried out."""
    said = desk.run(program("python/send_plays.py")).splitlines()

    assert ["anna", "anna", "ben", "ben"] == [line.split()[0] for line in said]
    places = [line.split()[-1] for line in said]
    assert [partition_of(user, 4) for user in ("anna", "anna", "ben", "ben")] == [
        int(place.partition(":")[0]) for place in places
    ]
    last = int(places[-1].partition(":")[2])
    block_until(lambda: scene.list_of("ben").offset >= last, 10)
    assert "song-3" not in scene.list_of("ben").items
    assert "blended" == scene.list_of("anna").kind


@pytest.mark.parametrize(
    "file",
    [program("python/steady_producer.py"), program("python/steady_producer_async.py")],
    ids=lambda file: file.stem,
)
def test_a_steady_producer_goes_on_after_a_refused_record(scene: Scene, desk: Desk, file: Path) -> None:
    """Kafka has every other record, and the refused one is named. A record that was sent again may be there twice."""
    before = [play.get("play_id") for play in scene.plays()]

    said = desk.run(file).splitlines()

    assert 2 == len(said)
    assert said[0].startswith("refused by ")
    assert "all other records are stored" == said[1]
    sent = [play["item_id"] for play in scene.plays() if play.get("play_id") and play["play_id"] not in before]
    expected = {"song-7", "song-8", "song-9"}
    assert expected == set(sent)


def test_an_idempotent_producer_fails_after_a_refused_record(scene: Scene) -> None:
    """If kafka-python mends this, the program is no longer needed."""
    producer = KafkaProducer(bootstrap_servers=scene.settings.kafka.brokers)
    refused = producer.send("catalog", value=b"{}")
    with pytest.raises(KafkaError):
        refused.get(timeout=10)

    with pytest.raises(KafkaError):
        producer.send("plays", key=b"ann", value=song("ann", 1)[1]).get(timeout=10)
    producer.close(timeout=5)


@pytest.mark.usefixtures("scene")
def test_librdkafka_sends_to_the_partitions_of_the_listeners(desk: Desk) -> None:
    """With the partitioner of the program."""
    said = desk.run(program("python/send_with_librdkafka.py")).splitlines()

    places = {line.split()[0]: int(line.split()[-1].partition(":")[0]) for line in said}
    assert {user: partition_of(user, 4) for user in ("gina", "hugo", "ida", "jon")} == places


def test_the_shell_sends_to_the_partitions_of_the_listeners(scene: Scene, desk: Desk) -> None:
    """As the Java client would; a private play is not counted."""
    desk.run(program("shell/send_plays.sh"))

    assert scene.list_of("carla").partition == partition_of("carla", 4)
    assert scene.list_of("dora").partition == partition_of("dora", 4)
    assert 1 == scene.list_of("carla").plays
    assert 2 == len([play for play in scene.plays() if play["user_id"] == "carla"])


def test_partitions_are_those_of_the_page() -> None:
    """The author of a client compares its partitions with these."""
    anna, ben, carla, dora = (partition_of(user, 4) for user in ("anna", "ben", "carla", "dora"))

    expected = f"of 4 partitions, `anna` has number {anna}, `ben` {ben}, `carla` {carla} and `dora` {dora}."
    assert expected in PRODUCERS.read_text()


def test_without_the_partitioner_kcat_sends_elsewhere(scene: Scene, desk: Desk, tmp_path: Path) -> None:
    """By default kcat hashes keys by CRC32, so these plays go to other partitions."""
    original = program("shell/send_plays.sh").read_text()
    without = original.replace("-X partitioner=murmur2_random ", "")
    assert without != original
    sender = tmp_path / "without_partitioner.sh"
    sender.write_text(without.replace("carla", "clara").replace("dora", "flora"))
    lost = [user for user in ("clara", "flora") if zlib.crc32(user.encode()) % 4 != partition_of(user, 4)]
    assert lost

    desk.run(sender)

    block_until(lambda: set(lost) <= scene.lists().keys(), 10)
    for user in lost:
        assert zlib.crc32(user.encode()) % 4 == scene.lists()[user].partition
        assert scene.lists()[user] == asyncio.run(latest_list(user, scene.settings))  # all partitions are read


def test_python_watches_rejects(scene: Scene, desk: Desk) -> None:
    """Reason and bytes of a reject; of a private play the place alone."""
    with desk.running(program("python/watch_rejects.py")) as watching:
        scene.tell("plays", "greta", {"user_id": "greta", "item_id": 7, "played_at_ms": 1_700_000_000_000})
        scene.tell("plays", "greta", {"user_id": "greta", "item_id": 7, "private": True})

        watching.await_line('item_id: Expected str, got int: b\'{"user_id":"greta"')
        private = watching.await_line("a private play is unreadable")

    assert private.endswith("stays in the topic of plays alone: b''")


def test_the_shell_counts_reasons(scene: Scene, desk: Desk) -> None:
    """The most frequent first."""
    n_before = len(rejects(scene.settings))
    for _ in range(20):
        scene.tell("plays", "nobody", {"user_id": "hans", "item_id": "song-1", "played_at_ms": 1_700_000_000_000})
    block_until(lambda: len(rejects(scene.settings)) == n_before + 20, 10)

    said = desk.run(program("shell/watch_rejects.sh")).splitlines()

    assert ["20", "the key is not the user_id"] == said[0].split(maxsplit=1)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"item_id": "song-1"}, "Object missing required field"),
        ({"item_id": "song-1", "played_at_ms": 1_700_000_000}, "played_at_ms: Expected int"),
        ({"item_id": "song-1", "played_at_ms": 1_700_000_000_000, "type": "burp"}, "type: Invalid value"),
        ("{nothing}", "JSON is malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons_are_those_of_the_page(scene: Scene, wrong: Any, reason: str) -> None:
    """A producer finds the remedy on the page by the words of the reject."""
    user = uuid.uuid4().hex
    value = wrong.encode() if isinstance(wrong, str) else msgspec.json.encode({"user_id": user, **wrong})
    scene.producer.send("plays", key=user.encode(), value=value).get(timeout=10)

    block_until(lambda: any(reject.key == user.encode() for reject in rejects(scene.settings)), 10)

    (text,) = [reject.reason for reject in rejects(scene.settings) if reject.key == user.encode()]
    assert text.startswith(reason)
    assert f"| `{reason} ...` |" in PRODUCERS.read_text()


def test_javascript_sends_events(scene: Scene, web_desk: Desk) -> None:
    """The program prints the place of each accepted event, and the fault of the rejected one."""
    said = web_desk.run(program("javascript/send_plays.mjs")).splitlines()

    held = scene.list_of("emil")
    assert [f"stored at {held.partition}:{held.offset}", "rejected: item_id: Expected str, got int"] == said
    (play,) = [play for play in scene.plays() if play["user_id"] == "emil"]
    assert 36 == len(play["play_id"])


def test_python_sends_a_first_play(scene: Scene, desk: Desk) -> None:
    """One more play of its listener is on the topic."""
    n_before = len([play for play in scene.plays() if play["user_id"] == "anna"])

    desk.run(program("python/first_play.py"))

    assert n_before + 1 == len([play for play in scene.plays() if play["user_id"] == "anna"])


def test_python_describes_an_item(scene: Scene, desk: Desk) -> None:
    """The catalog has its title and kind."""
    desk.run(program("python/describe_item.py"))

    item = msgspec.json.decode(dict(values(scene.settings, "catalog"))[b"song-7"], type=CatalogItem)
    assert "Seven" == item.title
    assert "song" == item.kind
    scene.tell("catalog", "song-7", CatalogItem(item_id="song-7", title=title("song-7"), kind="song"))
