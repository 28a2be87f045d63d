"""A gateway as a process, on a real Kafka, with a worker and a generation."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from streams.kafka.broker import Broker
from streams.messages.records import RelatedItems
from streams.partitioning import partition_of
from streams.settings import override
from streams.topics.topics import topic_names
from tests.kafka.gateways import Running, running_gateway
from tests.support.commands import error_of
from tests.support.gateway import client_of, events_of, gateway, good, post, read
from tests.support.plays import play
from tests.support.topics import lists, rejects, values, write
from tests.support.wait import block_until

MADE_AT_MS = 1_767_225_600_000
"""When the made-up generation says that it was made."""


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give both, ready, to the tests that leave them as they are."""
    with running_gateway(broker.bootstrap, tmp_path_factory.mktemp("gateway")) as processes:
        yield processes


def test_a_listener_reads_what_their_play_changed(running: Running) -> None:
    """A request that waits for a play gets the list that reflects it, which is the one on the topic."""
    rng = np.random.default_rng(1)
    for number in range(20):
        user_id = f"secret-{number}"
        for item_id in (f"i{item}" for item in rng.choice(100, 3, replace=False)):
            (place,) = post(running.client, play(user_id, item_id))
            recommendations = read(running.client, user_id, place)

            assert recommendations["reflected"] is True
            assert user_id == recommendations["user_id"]
            assert place["partition"] == recommendations["partition"]
            assert place["offset"] == recommendations["offset"]
            assert item_id not in recommendations["items"]
    on_topic = lists(running.settings)["secret-19"]
    assert msgspec.to_builtins(on_topic) == {
        name: value for name, value in recommendations.items() if name != "reflected"
    }


def test_acknowledged_events_stand_where_they_are_said_to(running: Running) -> None:
    """Hundreds of requests at a time: every place is one event's, and holds the bytes that were sent."""
    sent = {
        f"secret-many-{number}": [
            play(f"secret-many-{number}", f"i{item}", play_id=f"{number}-{item}") for item in range(5)
        ]
        for number in range(100)
    }
    with ThreadPoolExecutor(16) as threads:
        answers = dict(zip(sent, threads.map(lambda events: post(running.client, *events), sent.values()), strict=True))

    places = [(place["partition"], place["offset"]) for results in answers.values() for place in results]
    assert 500 == len(set(places))
    read_back: dict[str, list[Any]] = {}
    for key, value in values(running.settings, topic_names(running.settings).plays):
        read_back.setdefault(key.decode(), []).append(msgspec.json.decode(value))
    assert sent == {user_id: events for user_id, events in read_back.items() if user_id in sent}
    for user_id, results in answers.items():
        assert sorted(results, key=lambda place: place["offset"]) == results
        assert {partition_of(user_id, 4)} == {place["partition"] for place in results}


@pytest.mark.parametrize("user_id", ["secret/a b", "..", "secret%2F", "ü-secret", "🎵", "s" * 128])
def test_odd_listeners_are_listeners(running: Running, user_id: str) -> None:
    """From the play to the list and to the export."""
    quoted = httpx.URL("http://x/", params={"q": user_id}).query.decode().removeprefix("q=").replace("+", "%20")
    quoted = quoted.replace(".", "%2E").replace("/", "%2F")
    (place,) = post(running.client, play(user_id, "i5"))

    assert (user_id, True) == tuple(read(running.client, quoted, place)[name] for name in ("user_id", "reflected"))
    held = good(running.client.get(f"/v1/users/{quoted}/export")).json()
    assert user_id == held["user_id"]
    assert held["anything"] is True
    assert "i5" == held["plays"][0]["event"]["item_id"]


def test_a_play_that_changes_no_list_is_settled(running: Running) -> None:
    """The workers' commit says so; one that does not exist is waited for in vain."""
    (place,) = post(running.client, play("secret-pausing", "i1"))
    before = read(running.client, "secret-pausing", place)
    (pause,) = post(running.client, {"type": "pause", "user_id": "secret-pausing"})
    (ignored,) = post(running.client, play("secret-pausing", "i2"))

    recommendations = read(running.client, "secret-pausing", ignored)

    assert recommendations["reflected"] is True
    assert before["items"] == recommendations["items"]
    assert before["offset"] == recommendations["offset"]
    assert pause["offset"] > recommendations["offset"]
    later = read(running.client, "secret-pausing", {**ignored, "offset": ignored["offset"] + 10**6}, wait_ms=300)
    assert not later["reflected"]


def test_many_readers_wait_at_a_time(running: Running) -> None:
    """Each for a play of their own; every thread has a client of its own, since a shared one closes others' sockets."""

    def play_and_read(numbers: range) -> list[bool]:
        reflected = []
        with client_of(running.gateway) as client:
            for number in numbers:
                user_id = f"secret-waiting-{number}"
                (place,) = post(client, play(user_id, f"i{number % 90}"))
                reflected.append(bool(read(client, user_id, place)["reflected"]))
        return reflected

    with ThreadPoolExecutor(40) as threads:
        reflected = threads.map(play_and_read, [range(first, 200, 40) for first in range(40)])
        assert [[True] * 5] * 40 == list(reflected)


def test_reasons_come_from_the_list_or_from_all_plays(running: Running) -> None:
    """Both sum to the score, and say the same of the plays that the list names."""
    (*_, place) = post(running.client, *(play("secret-why", f"i{item}") for item in (3, 14, 15, 9, 26, 53)))
    recommendations = read(running.client, "secret-why", place)
    item_id = recommendations["items"][1]
    path = f"/v1/users/secret-why/because/{item_id}"

    short, full = good(running.client.get(path)).json(), good(running.client.get(f"{path}?full=true")).json()

    assert 2 == short["rank"]
    assert 2 == full["rank"]
    assert short["whole"] is False
    assert full["whole"] is True
    for explanation, n in ((short, 3), (full, 6)):
        assert n == len(explanation["reasons"])
        total = sum(reason["share"] for reason in explanation["reasons"]) + explanation["rest"]
        assert recommendations["scores"][1] == pytest.approx(total, rel=1e-5)
        assert recommendations["scores"][1] == pytest.approx(explanation["score"], rel=1e-5)
    shares = {reason["item_id"]: reason["share"] for reason in full["reasons"]}
    for reason in short["reasons"]:
        assert reason["share"] == pytest.approx(shares[reason["item_id"]], rel=1e-4)
    assert 404 == running.client.get("/v1/users/secret-unknown/because/i1").status_code


def test_what_the_catalog_and_the_neighbours_say_comes_from_their_topics(running: Running) -> None:
    """Within moments of their being written; a tombstone takes them away."""
    names = topic_names(running.settings)
    related = RelatedItems(item_id="song/1", generation="g", items=["i1", "i2"], cosines=[0.5, 0.25])
    write(running.settings, names.related_items, [(b"song/1", msgspec.json.encode(related))])
    item = {"item_id": "song/1", "title": "Blue Moon", "kind": "song"}
    write(running.settings, names.catalog, [(b"song/1", msgspec.json.encode(item)), (b"bad", b"no item")])
    client = running.client

    block_until(lambda: client.get("/v1/items/song%2F1").status_code == 200, 5)
    block_until(lambda: client.get("/v1/items/song%2F1/related").status_code == 200, 5)
    assert item == client.get("/v1/items/song%2F1").json()
    assert ["i1"] == client.get("/v1/items/song%2F1/related?n=1").json()["items"]
    assert [{**item, "artist": None}] == client.get("/v1/items?query=blue+moon").json()["items"]
    assert 404 == client.get("/v1/items/bad").status_code
    write(running.settings, names.catalog, [(b"song/1", None)])
    write(running.settings, names.related_items, [(b"song/1", None)])
    block_until(lambda: client.get("/v1/items/song%2F1").status_code == 404, 5)
    block_until(lambda: client.get("/v1/items/song%2F1/related").status_code == 404, 5)
    assert [] == client.get("/v1/items?query=blue+moon").json()["items"]


def test_what_goes_with_some_items_is_what_their_listener_would_get(running: Running) -> None:
    """As a worker has it; strangers are named."""
    (*_, place) = post(running.client, *(play("secret-twin", item) for item in ("i7", "i8", "stranger")))
    theirs = read(running.client, "secret-twin", place)

    body = {"items": ["i7", "i8", "stranger"], "n": 10}
    response = good(running.client.post("/v1/recommendations", json=body)).json()

    assert ["stranger"] == response["unknown"]
    assert theirs["generation"] == response["generation"]
    assert set(theirs["items"][:5]) <= set(response["items"])


def test_a_listener_is_forgotten(running: Running) -> None:
    """The receipt names the places; the list goes, an export says that nothing is known, a play begins anew."""
    (*_, place) = post(running.client, *(play("secret-gone", f"i{item}") for item in range(4)))
    assert "popular" != read(running.client, "secret-gone", place)["kind"]

    receipt = good(running.client.delete("/v1/users/secret-gone")).json()

    assert "forget" == receipt["wish"]
    assert "secret-gone" == receipt["user_id"]
    assert place["partition"] == receipt["partition"]
    assert place["offset"] + 1 == receipt["plays_offset"]
    assert min(receipt["changelog_offset"], receipt["recommendations_offset"]) >= 0
    block_until(lambda: read(running.client, "secret-gone")["kind"] == "popular", 5)
    held = good(running.client.get("/v1/users/secret-gone/export")).json()
    assert held["recommendations"] is None
    assert held["record"]["forgotten"] is True
    (again,) = post(running.client, play("secret-gone", "i50"))
    assert (True, 1) == tuple(read(running.client, "secret-gone", again)[name] for name in ("reflected", "plays"))


def test_a_page_sees_its_listener_s_list_move(running: Running) -> None:
    """Figures every second, and the list of a play that was sent here with the time that it took."""
    (place,) = post(running.client, play("secret-page", "i1"))
    read(running.client, "secret-page", place)
    with running.client.stream("GET", "/live/events?user=secret-page") as stream:
        lines = stream.iter_lines()
        assert next(events_of(lines, "list"))["first"]
        post(running.client, play("secret-page", "i77"))
        moved = next(events_of(lines, "list"))
        figures = [next(events_of(lines, "figures")) for _ in range(2)][1]

    assert not moved["first"]
    assert 0 < moved["took_ms"] < 5000
    assert "i77" not in [entry["item_id"] for entry in moved["entries"]]
    assert ["a"] == [row["instance"] for row in figures["workers"]]
    assert [[0, 1, 2, 3]] == [row["partitions"] for row in figures["workers"]]
    assert [True] == [row["serving"] for row in figures["generations"]]


def test_rejects_and_lag_are_told(running: Running) -> None:
    """An undecodable record of another producer is counted and shown without its content."""

    def metric(name: str) -> float:
        lines = running.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    before = metric("playfold_rejects_total ")
    write(running.settings, topic_names(running.settings).plays, [(b"secret-reject", b"secret nonsense")])

    block_until(lambda: metric("playfold_rejects_total ") == before + 1, 10)
    assert len(rejects(running.settings)) == metric("playfold_rejects_total ")
    block_until(lambda: metric("playfold_lag_plays{") == 0, 10)
    made_at_s = MADE_AT_MS / 1000
    assert metric("playfold_generation_age_seconds ") == pytest.approx(time.time() - made_at_s, abs=60)
    with running.client.stream("GET", "/live/events") as stream:
        figures = next(events_of(stream.iter_lines(), "figures"))
    assert before + 1 == figures["rejects"]["total"]
    assert figures["rejects"]["latest"][0]["reason"].startswith("JSON is malformed")
    assert "secret" not in msgspec.json.encode(figures).decode()


def test_metrics_name_nobody(running: Running) -> None:
    """After everything above: neither a listener nor an item."""
    text = running.client.get("/metrics").text

    assert "secret" not in text
    assert "song" not in text
    assert 'playfold_gateway_plays_total{outcome="accepted"}' in text
    assert "\nplayfold_gateway_ready 1.0\n" in text
    assert "\nplayfold_gateway_view_lag_records 0.0\n" in text


def test_another_gateway_has_the_same_lists(running: Running) -> None:
    """With an instance of its own; it reads the topics by itself."""
    second = override(running.settings, instance="second")
    (place,) = post(running.client, play("secret-two", "i1"))
    expected = read(running.client, "secret-two", place)
    with gateway(second) as process, client_of(process) as client:
        assert expected == read(client, "secret-two", place)
        assert running.gateway.url != process.url
        (other,) = post(client, play("secret-two", "i2"))
        assert read(running.client, "secret-two", other)["reflected"]


def test_two_gateways_cannot_share_an_instance(running: Running) -> None:
    """Said in a sentence, before a port is taken."""
    folder = running.settings.application.gateway_path
    sentence = f"Another gateway uses {folder}: give this one a PLAYFOLD_INSTANCE of its own"

    assert f"`playfold gateway` ended with status 1 ({sentence})" == error_of("gateway", running.settings)
