"""Requests that wait for the outcomes of their events."""

import msgspec
import pytest

from streams.messages.generations import StateTopics, state_topics_key
from streams.messages.pulse import OutcomeSpan
from streams.partitioning import partition_of
from streams.positions import position_of
from tests.support.plays import play
from tests.support.pulses import pulse_of
from tests.web.scene import Scene


async def test_a_request_that_waits_gets_what_became_of_its_events(scene: Scene) -> None:
    """Of each event; of one that no worker has reported on, that it waits."""
    first, second = (partition_of(user, 4) for user in ("ann", "ben"))
    span = OutcomeSpan.of(first, 0, [("learnt", 1), ("capped", 1)])
    scene.parts.on_pulse(b"west", msgspec.json.encode(pulse_of("west", outcomes=[span])))
    events = [play("ann", "i1"), play("ann", "i2"), play("ben", "i1")]
    assert first != second
    async with scene.client() as client:
        waited = (await client.post("/v1/plays?wait=0.05", json=events)).json()
        unasked = (await client.post("/v1/plays", json=events[:1])).json()

    assert ["learnt", "capped", "waiting"] == [result["outcome"] for result in waited["results"]]
    assert "outcome" not in unasked["results"][0]


async def test_a_play_is_timed_in_the_epoch_of_its_topic(scene: Scene) -> None:
    """An offset of an earlier topic of plays is another play."""
    topics = StateTopics(plays_id="first", changelog_id="changelog", epoch=0, partitions=4)
    scene.parts.epoch.on_record(state_topics_key(scene.settings.application.group), msgspec.json.encode(topics))
    scene.parts.epoch.topic_id = "second"
    async with scene.client() as client:
        await client.post("/v1/plays", json=play("ann"))

    partition = partition_of("ann", 4)
    assert None is scene.parts.play_latency.took_ms(partition, position_of(0, 0))
    assert scene.parts.play_latency.took_ms(partition, position_of(1, 0)) is not None


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
async def test_a_wait_is_bounded(scene: Scene, wait: str) -> None:
    """To a minute; the setting may allow less."""
    async with scene.client() as client:
        assert 422 == (await client.post(f"/v1/plays?wait={wait}", json=play())).status_code
