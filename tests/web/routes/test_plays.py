"""`POST /v1/plays`, without Kafka."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from streams.partitioning import partition_of
from streams.settings import override
from tests.support.plays import play
from tests.support.wait import wait_idle
from tests.web.scene import Scene, ask, sent
from web.play_intake import PlayIntake

JSON = {"content-type": "application/json"}


async def test_a_play_goes_to_its_listener_s_partition_as_it_is(scene: Scene) -> None:
    """The bytes that the client sent, under the listener's id; the answer tells where they stand."""
    body = b' {"item_id": "i1",  "user_id": "a/\xc3\xbc b", "played_at_ms": 1795478400000, "more": [1]}'

    response = await ask(scene.app, "POST", "/v1/plays", JSON, body)

    partition = partition_of("a/ü b", 4)
    place = {"partition": partition, "offset": 0}
    assert 200 == response.status
    assert {"accepted": 1, "rejected": 0, "results": [place]} == response.json
    ((key, value),) = scene.outbox.logs["plays", partition]
    assert "a/ü b".encode() == key
    assert body.strip() == value


async def test_a_batch_is_answered_in_its_order(scene: Scene) -> None:
    """Events of one listener keep theirs; an invalid event is named and hinders no other."""
    events: list[Any] = [play(f"u{number % 5}", f"i{number}") for number in range(20)]
    events[3], events[11], events[19] = play(item_id=""), 7, {"user_id": "ann", "type": "nonsense", **play()}
    events[19]["type"] = "nonsense"
    async with scene.client() as client:
        response = (await client.post("/v1/plays", json=events)).json()

    assert 17 == response["accepted"]
    assert 3 == response["rejected"]
    refused = {number: result["error"] for number, result in enumerate(response["results"]) if "error" in result}
    assert {3, 11, 19} == set(refused)
    assert refused[3].startswith("item_id: ")
    assert "Expected `object`, got `int`".replace("`", "") == refused[11]
    assert refused[19].startswith("type: Invalid value 'nonsense', which is none of ")
    for number, result in enumerate(response["results"]):
        if number not in refused:
            assert partition_of(f"u{number % 5}", 4) == result["partition"]
            key, value = scene.outbox.logs["plays", result["partition"]][result["offset"]]
            assert f"u{number % 5}".encode() == key
            assert events[number] == msgspec.json.decode(value or b"")
    assert 17 == len(sent(scene))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "hide", "user_id": "ann", "item_id": "i1"},
        {"type": "unhide", "user_id": "ann", "item_id": "i1"},
        {"type": "shown", "user_id": "ann", "item_ids": ["i1", "i2"]},
        {"type": "pause", "user_id": "ann"},
        {"type": "resume", "user_id": "ann"},
        {"type": "forget", "user_id": "ann"},
        play(type="like", play_id="p1", ms_played=10, duration_ms=20, private=True),
    ],
)
async def test_every_kind_of_event_is_taken(scene: Scene, event: dict[str, Any]) -> None:
    """Plays, other signals and wishes alike."""
    async with scene.client() as client:
        response = await client.post("/v1/plays", json=event)

    assert 200 == response.status_code
    assert 1 == len(sent(scene))


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        "play",
        play(user_id=""),
        play(user_id="x" * 129),
        play(user_id="a\x00b"),
        play(item_id="a\u200bb"),
        play() | {"user_id": 7},
        play(played_at_ms="now"),
        play(played_at_ms=0),
        play(played_at_ms=10**30),
        play(type="forget-me"),
        play(type="pause"),
        play(type="forget"),
        {"type": "pause", "user_id": "ann", "item_id": "i1"},
        {"type": "hide", "user_id": "ann"},
        {"type": "shown", "user_id": "ann", "item_ids": []},
        play(more="x" * 5000),
    ],
)
async def test_what_no_worker_would_read_is_refused(scene: Scene, event: Any) -> None:
    """422 with a sentence; nothing is sent that would end among the rejects."""
    async with scene.client() as client:
        alone, batch = await client.post("/v1/plays", json=event), await client.post("/v1/plays", json=[event, event])

    assert [422, 422] == [alone.status_code, batch.status_code]
    assert "application/problem+json" == alone.headers["content-type"]
    assert alone.json()["detail"].endswith(".")
    if event != []:
        assert alone.json()["results"][0]["error"] in batch.json()["detail"]
        assert batch.json()["detail"].startswith("None of 2 events fits; the first: ")
        assert 2 == len(batch.json()["results"])
    assert [] == sent(scene)


@pytest.mark.parametrize("surrogate", [rb'"\ud800"', rb'"a\udfff"'])
async def test_half_a_character_is_no_id(scene: Scene, surrogate: bytes) -> None:
    """JSON can write characters that UTF-8 cannot."""
    body = b'{"user_id":%s,"item_id":"i1","played_at_ms":1795478400000}' % surrogate

    response = await ask(scene.app, "POST", "/v1/plays", JSON, body)

    assert response.status in {400, 422}
    assert [] == sent(scene)


async def test_a_batch_has_a_bounded_number_of_events(scene: Scene) -> None:
    """As many as the setting says, and at least one."""
    most = scene.settings.gateway.batch_max
    async with scene.client() as client:
        whole = await client.post("/v1/plays", json=[play()] * most)
        more, none = await client.post("/v1/plays", json=[play()] * (most + 1)), await client.post("/v1/plays", json=[])

    assert [200, 422, 422] == [whole.status_code, more.status_code, none.status_code]
    assert "There are 501 events, but 1 to 500 fit." == more.json()["detail"]
    assert "There are 0 events, but 1 to 500 fit." == none.json()["detail"]
    assert most == len(sent(scene))


async def test_without_kafka_a_client_is_told_to_come_back(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """503 with Retry-After and with the outcome of each event; the log names no listener."""
    scene.outbox.refused["plays"] = ConnectionError("gone")
    lost = PlayIntake(scene.settings, lambda _: scene.outbox)
    scene.parts.__dict__["intake"] = lost
    async with scene.client() as client:
        with caplog.at_level(logging.INFO):
            response = await client.post("/v1/plays", json=[play("secret-ann"), {}])

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert f"Kafka at {scene.settings.kafka.brokers} does not answer; nothing was sent." == response.json()["detail"]
    assert ["error"] * 2 == [*response.json()["results"][0], *response.json()["results"][1]]
    assert "secret" not in caplog.text


async def test_when_too_many_events_wait_a_client_is_told_to_come_back(scene: Scene) -> None:
    """429 with Retry-After, none of them sent; earlier requests are served."""
    settings = override(scene.settings, gateway_plays_waiting_max=10)
    intake = PlayIntake(settings, lambda _: scene.outbox)
    await intake.start()
    scene.parts.__dict__["intake"] = intake
    scene.outbox.held.add("plays")
    async with scene.client() as client:
        first = asyncio.create_task(client.post("/v1/plays", json=[play()] * 8))
        await wait_idle()
        second = await client.post("/v1/plays", json=[play()] * 3)
        scene.outbox.release("plays")
        served, third = await first, await client.post("/v1/plays", json=[play()] * 10)

    assert 429 == second.status_code
    assert "2" == second.headers["retry-after"]
    assert "8 events wait for Kafka already; nothing was sent." == second.json()["detail"]
    assert [200, 200, 18] == [served.status_code, third.status_code, len(sent(scene))]


async def test_events_are_counted_by_what_became_of_them(scene: Scene) -> None:
    """Accepted and invalid ones, by number and not by request."""
    async with scene.client() as client:
        await client.post("/v1/plays", json=[play(), play("ben"), {}])
        await client.post("/v1/plays", json={})

    counted = scene.parts.metrics.registry
    name = "playfold_gateway_plays_total"
    assert [2, 2, 0] == [
        counted.get_sample_value(name, {"outcome": outcome}) for outcome in ("accepted", "invalid", "failed")
    ]


async def test_odd_hints_do_not_refuse_a_play(scene: Scene) -> None:
    """The gateway's rule is that of workers, which count them."""
    async with scene.client() as client:
        response = await client.post("/v1/plays", json=play(duration_ms=-1, private=None))

    assert 1 == response.json()["accepted"]
