"""Every program of `examples/` does what docs/producers.md and docs/consumers.md say."""

import asyncio
import importlib
import json
import re
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from cli.processes import WorkerProcess
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from streams.kafka.broker import Broker
from streams.messages.records import CatalogItem, Recommendations
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.process.child_process import Child
from streams.readers.latest_list import latest_list
from streams.reference.examples import EXAMPLES
from streams.settings import Settings, environment_of, override
from streams.topics.admin import create_topics, delete_topics
from tests.acceptance.examples import PROJECT, Desk, program, program_names
from tests.support.plays import play_record
from tests.support.settings import settings_with
from tests.support.topics import await_folded, rejects, send, values, worker
from tests.support.wait import block_until

N_SONGS, N_LISTENERS = 16, 12
HERE = Path(__file__)
PRODUCERS = PROJECT / "docs" / "producers.md"


class Scene(msgspec.Struct):
    """A playfold whose topics have their plain names, as a reader's have, with lists of songs."""

    settings: Settings
    process: WorkerProcess
    generation: str
    producer: Any

    def tell(self, topic: str, key: str, value: Any, partition: int | None = None) -> None:
        """Write a record, and wait until Kafka has it; None is a tombstone."""
        encoded = None if value is None else msgspec.json.encode(value)
        self.producer.send(topic, key=key.encode(), value=encoded, partition=partition).get(timeout=10)

    def list_of(self, user: str) -> Recommendations:
        """Return the list of a listener that counts, once they have one."""
        block_until(lambda: asyncio.run(latest_list(user, self.settings)) is not None, 10)
        latest = asyncio.run(latest_list(user, self.settings))
        assert latest is not None
        return latest

    def lists(self) -> dict[str, Recommendations]:
        """Return everybody's last list, on whatever partition."""
        records = values(self.settings, "recommendations")
        return {key.decode(): msgspec.json.decode(value, type=Recommendations) for key, value in records if value}

    def plays(self) -> list[dict[str, Any]]:
        """Return what stands on `plays`, as far as it is JSON objects with a listener."""
        return [json.loads(value) for _, value in values(self.settings, "plays") if b"user_id" in value]


@pytest.fixture(scope="module")
def scene(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run one worker with one generation, trained on songs, for all programs."""
    settings = settings_with(
        brokers=broker.bootstrap,
        data_dir=str(tmp_path_factory.mktemp("examples")),
        group="test-examples",
        factors=8,
        iterations=2,
        index_trees=2,
        related_n=5,
        list_n=5,
        popular_publish_s=0.2,
    )
    create_topics(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka.brokers)
    send(settings, [song(f"u{user}", number) for user in range(N_LISTENERS) for number in songs_of(user)])
    with worker(settings) as process:
        await_folded(settings)
        made = Scene(settings, process, retrain(settings, no_progress).generation, producer)
        for number in range(N_SONGS):
            item = CatalogItem(item_id=f"song-{number}", title=f"Title {number}", kind="song")
            made.tell("catalog", item.item_id, item)
        block_until(lambda: {one.generation for one in made.lists().values()} == {made.generation}, 20)
        yield made
    producer.close()
    delete_topics(settings)


def songs_of(user: int) -> list[int]:
    """Return the songs that a listener plays: neighbours of each other."""
    return [(user + step) % N_SONGS for step in range(5)]


def song(user: str, number: int) -> Item:
    """Return a play of a song as it travels."""
    return play_record(user, f"song-{number}")


@pytest.fixture
def desk(scene: Scene, tmp_path: Path) -> Desk:
    """Give a test a place to run programs at."""
    return Desk(tmp_path, {"BROKERS": scene.settings.kafka.brokers})


def test_a_test_runs_every_program() -> None:
    """A new program needs a test in this file."""
    named = set(re.findall(r'program\("(\w+/\w+\.\w+)"\)', HERE.read_text()))

    assert program_names() == named


def test_a_missing_client_is_a_failure(tmp_path: Path) -> None:
    """Without kcat a program fails with the shell's error message."""
    script = tmp_path / "send.sh"
    script.write_text("not-kcat -P\n")

    with pytest.raises(AssertionError, match=r"send\.sh ended with 127: .*not-kcat"):
        Desk(tmp_path, {}).run(script)


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


async def test_a_record_that_is_not_acknowledged_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By another producer, and it is named if that one has no acknowledgement either."""
    module: Any = importlib.import_module("examples.python.steady_producer_async")
    silent = {"lost", "late"}
    attempts: list[str] = []

    class Producer:
        """Acknowledges a late record at its second attempt, and a lost one never."""

        def __init__(self, **_: Any) -> None:
            """Connect to nothing."""

        async def start(self) -> None:
            """Connect to nothing."""

        async def stop(self) -> None:
            """Disconnect from nothing."""

        async def send(self, _: str, value: bytes, __: bytes) -> asyncio.Future[None]:
            """Send nothing."""
            name, future = value.decode(), asyncio.get_running_loop().create_future()
            attempts.append(name)
            if name not in silent:
                future.set_result(None)
            if name == "late":
                silent.discard(name)
            return future

    monkeypatch.setattr(module, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(module, "ACKNOWLEDGED_S", 0.05)
    steady = module.SteadyProducer()
    await steady.start()

    failed = await steady.send([("plays", b"ann", name.encode()) for name in ("first", "late", "lost")])

    assert ["first", "late", "lost", "late", "lost"] == attempts
    assert [(b"lost", TimeoutError)] == [(value, type(error)) for (_, _, value), error in failed]


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
    """Reason and bytes of what was rejected; of a private play the place alone."""
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
    """A producer finds what to do by the words that the worker uses."""
    user = uuid.uuid4().hex
    value = wrong.encode() if isinstance(wrong, str) else msgspec.json.encode({"user_id": user, **wrong})
    scene.producer.send("plays", key=user.encode(), value=value).get(timeout=10)

    block_until(lambda: any(reject.key == user.encode() for reject in rejects(scene.settings)), 10)

    (text,) = [reject.reason for reject in rejects(scene.settings) if reject.key == user.encode()]
    assert text.startswith(reason)
    assert f"| `{reason} ...` |" in PRODUCERS.read_text()


def test_python_shows_a_list(scene: Scene, desk: Desk) -> None:
    """In its order, under titles, with the reason that matters most, and with what is related to its first item."""
    held = scene.list_of("u1")

    said = desk.run(program("python/show_list.py"), "u1").splitlines()

    assert f"u1: {held.kind}" == said[0]
    assert [
        f"  {title(item)}, because of {title(because[0])}"
        for item, because in zip(held.items, held.because, strict=True)
    ] == said[1:6]
    assert said[6].startswith(f"related to {title(held.items[0])}: Title ")
    assert 7 == len(said)


def title(item: str) -> str:
    """Return what the catalog calls a song."""
    return item.replace("song-", "Title ")


def test_what_is_gone_is_not_shown(scene: Scene, desk: Desk) -> None:
    """Though it stands in the list: nobody's list is made again because an item went."""
    gone = scene.list_of("u2").items[1]
    whole = scene.list_of("u2").items
    scene.tell("catalog", gone, CatalogItem(item_id=gone, title=title(gone), available_until_ms=1))
    try:
        said = desk.run(program("python/show_list.py"), "u2").splitlines()
    finally:
        scene.tell("catalog", gone, CatalogItem(item_id=gone, title=title(gone), kind="song"))

    assert whole == scene.list_of("u2").items
    assert [title(item) for item in whole if item != gone] == [line.strip().partition(",")[0] for line in said[1:5]]


def test_the_list_that_counts_is_shown(scene: Scene, desk: Desk) -> None:
    """Not an older one that a late worker wrote behind it, not after a tombstone, not once it expired."""
    made, now_ms = partition_of("zoe", 4), time.time_ns() // 1_000_000
    template = msgspec.structs.replace(
        next(example.record for example in EXAMPLES["recommendations"] if isinstance(example.record, Recommendations)),
        user_id="zoe",
        partition=made,
        expires_at_ms=now_ms + 600_000,
    )

    def shown(*items: str, **fields: Any) -> list[str]:
        if items:
            recommendations = msgspec.structs.replace(template, items=list(items), **fields)
            scene.tell("recommendations", "zoe", recommendations, made)
        return [
            line.partition(",")[0].strip() for line in desk.run(program("python/show_list.py"), "zoe").splitlines()[:2]
        ]

    assert ["zoe: personal", "Title 1"] == shown("song-1", "song-2", offset=90)
    assert ["zoe: personal", "Title 1"] == shown("song-3", "song-4", offset=89)
    assert ["zoe: personal", "Title 5"] == shown("song-5", "song-6", offset=90)
    assert "zoe: popular" == shown("song-7", "song-8", offset=91, expires_at_ms=now_ms)[0]
    scene.tell("recommendations", "zoe", None, made)
    assert "zoe: popular" == shown()[0]
    assert ["zoe: personal", "Title 9"] == shown("song-9", "song-10", offset=3)


def test_the_shell_looks_at_lists(scene: Scene, desk: Desk) -> None:
    """Of one listener, without their tombstones."""
    held = scene.list_of("u3")

    said = desk.run(program("shell/read_lists.sh"), "u3").splitlines()

    assert [held.kind, held.plays, held.offset, held.items[:3]] == json.loads(said[-1])


def test_python_watches_private_lists(scene: Scene, desk: Desk) -> None:
    """As they come."""
    with desk.running(program("python/watch_private.py")) as watching:
        watching.await_line("watching")
        play = {"user_id": "u4", "item_id": "song-12", "played_at_ms": 1_700_000_000_000, "private": True}
        scene.tell("plays", "u4", play)

        line = watching.await_line("u4")

    assert line.startswith("u4 True ['song-")


@pytest.fixture(scope="module")
def gateway(scene: Scene) -> Iterator[str]:
    """Run one gateway for all programs, and give its URL."""
    settings = override(scene.settings, gateway_port=0, instance="window")
    log_file = settings.application.data_path / "gateway.log"
    with log_file.open("wb") as log:
        child = Child([sys.executable, "-m", "cli.main", "gateway", "--json"], log, 10, environment_of(settings))
    try:
        block_until(lambda: not child.running or b"gateway_ready" in log_file.read_bytes(), 30)
        ready = [line for line in log_file.read_bytes().splitlines() if b"gateway_ready" in line]
        assert ready, f"The gateway is not ready: {log_file.read_text()}"
        yield json.loads(ready[0])["url"]
    finally:
        child.stop()


@pytest.fixture
def web_desk(scene: Scene, gateway: str, tmp_path: Path) -> Desk:
    """Give a test a place at which programs find the gateway, too."""
    return Desk(tmp_path, {"BROKERS": scene.settings.kafka.brokers, "GATEWAY": gateway})


def test_javascript_sends_events(scene: Scene, web_desk: Desk) -> None:
    """Where each stands is told, and what is wrong with the one that stands nowhere."""
    said = web_desk.run(program("javascript/send_plays.mjs")).splitlines()

    held = scene.list_of("emil")
    assert [f"stored at {held.partition}:{held.offset}", "rejected: item_id: Expected str, got int"] == said
    (play,) = [play for play in scene.plays() if play["user_id"] == "emil"]
    assert 36 == len(play["play_id"])


def test_javascript_sends_again_what_a_busy_gateway_refused(tmp_path: Path) -> None:
    """The same plays with the same ids; a token goes with each request."""
    taken: list[tuple[str | None, bytes]] = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response((503, 429, 200)[len(taken) - 1])
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b'{"accepted":1,"rejected":0,"results":[{"partition":2,"offset":7}]}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            desk = Desk(tmp_path, {"GATEWAY": url, "GATEWAY_TOKEN": "a token of ours"})
            said = desk.run(program("javascript/send_plays.mjs"))
        finally:
            server.shutdown()

    assert "stored at 2:7\n" == said
    assert 3 == len(taken)
    assert 1 == len(set(taken))
    assert "Bearer a token of ours" == taken[0][0]


def test_javascript_shows_the_list_that_reflects_a_play(scene: Scene, web_desk: Desk) -> None:
    """In its order; asked again it is unchanged, a stranger gets what is popular, and an item has neighbours."""
    said = web_desk.run(program("javascript/show_list.mjs"), "u6").splitlines()

    held = scene.list_of("u6")
    assert f"{held.kind}, reflected: true" == said[0]
    ranked = zip(held.items, held.scores, strict=True)
    assert [f"{rank}. {item} {score:.3f}" for rank, (item, score) in enumerate(ranked, 1)] == said[1:6]
    assert ["requested again: 304", "nobody-yet: popular, offset -1"] == said[6:8]
    assert re.fullmatch(r"related to song-4: song-\d+, song-\d+, song-\d+", said[8])


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


def test_python_reads_lists(scene: Scene, desk: Desk) -> None:
    """The program prints every list from the beginning, and continues after tombstones."""
    held = scene.list_of("u5")
    for partition in range(scene.settings.topics.partitions):
        scene.tell("recommendations", "forgotten", None, partition)
        later = msgspec.structs.replace(held, user_id=f"behind-{partition}", partition=partition)
        scene.tell("recommendations", later.user_id, later, partition)

    with desk.running(program("python/read_lists.py")) as reading:
        for user in ("u5", *(f"behind-{partition}" for partition in range(scene.settings.topics.partitions))):
            assert f"{user} {held.kind} {held.items}" == reading.await_line(f"{user} ", str(held.items))
