"""Reads that wait for the list that reflects a play."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from streams.messages.generations import StateTopics, state_topics_key
from streams.partitioning import partition_of
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from tests.web.routes.reading_lists import OTHER, PARTITION, read
from tests.web.scene import Scene, made_list, make_scene

pytestmark = pytest.mark.virtual_time


async def test_a_list_that_reflects_the_play_already_is_given_at_once(scene: Scene) -> None:
    """Also one that reflects more."""
    scene.put_list(made_list(offset=5))

    began = now_s()
    for offset in (0, 5):
        recommendations = await read(scene, after=f"{PARTITION}:{offset}", wait_ms=5000)
        assert recommendations["reflected"] is True
        assert 5 == recommendations["offset"]
    assert began == now_s()


async def test_a_reader_waits_for_the_list_that_reflects_the_play(scene: Scene) -> None:
    """Lists that come before it are not enough, nor those of others."""
    scene.put_list(made_list(offset=5))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    for earlier in (made_list(offset=8), made_list("ben", offset=20)):
        await wait_idle()
        scene.put_list(earlier)
        await wait_idle()
        assert not reading.done()

    scene.put_list(made_list(items=["new"], offset=9))

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert ["new"] == recommendations["items"]


async def test_a_play_that_changes_nothing_is_settled_by_the_workers(scene: Scene) -> None:
    """No list comes; the reader is woken when they have committed the play, and not by one before it."""
    scene.put_list(made_list(offset=5))
    settled = scene.parts.progress._settled  # noqa: SLF001  what Kafka would tell
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    await wait_idle()
    settled[PARTITION] = 9
    scene.parts.waiters.wake_all()
    await wait_idle()
    assert not reading.done()

    settled[PARTITION] = 10
    scene.parts.waiters.wake_all()

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert 5 == recommendations["offset"]


async def test_a_play_that_never_comes_is_waited_for_so_long(scene: Scene) -> None:
    """Then the list is given as it is, and says that it does not reflect it; no wait at all is a wait, too."""
    scene.put_list(made_list(offset=5))
    for wait_ms in (150, 0):
        began = now_s()
        recommendations = await read(scene, after=f"{PARTITION}:999999999999999999", wait_ms=wait_ms)
        assert recommendations["reflected"] is False
        assert 5 == recommendations["offset"]
        assert now_s() - began == pytest.approx(wait_ms / 1000)
    assert not scene.parts.waiters.any


async def test_the_operator_bounds_how_long_anybody_waits(tmp_path: Path) -> None:
    """A longer wait in the request is cut."""
    scene = await make_scene(tmp_path, gateway_wait_ms_max=50)
    scene.put_list(made_list(offset=5))

    recommendations = await read(scene, after=f"{PARTITION}:9", wait_ms=60_000)

    assert not recommendations["reflected"]
    assert now_s() == pytest.approx(0.05)


async def test_nobody_waits_for_a_gateway_that_stops(scene: Scene) -> None:
    """The list is returned as it is, at once; a later request does not wait either."""
    scene.put_list(made_list(offset=5))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=9000))
    await wait_idle()

    scene.parts.waiters.close()

    assert not (await reading)["reflected"]
    assert not (await read(scene, after=f"{PARTITION}:9", wait_ms=9000))["reflected"]
    assert 0 == now_s()
    assert (await read(scene, after=f"{PARTITION}:5"))["reflected"]


async def test_who_has_no_list_may_wait_for_one(scene: Scene) -> None:
    """The first play of a new listener."""
    scene.put_popular(["p1"])
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:0", wait_ms=5000))
    await wait_idle()
    scene.put_list(made_list(offset=0))
    recommendations = await reading

    assert "personal" == recommendations["kind"]
    assert recommendations["reflected"] is True


async def test_a_partition_of_another_listener_is_named(scene: Scene) -> None:
    """A client with another partitioner gets an error at once, and does not wait in vain."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?after={OTHER}:1&wait_ms=5000")

    assert 422 == response.status_code
    expected = f"after: the plays of this listener stand in partition {PARTITION}, not {OTHER}."
    assert expected == response.json()["detail"]


async def test_many_readers_wait_and_are_all_woken(scene: Scene) -> None:
    """Some hundreds of one listener and of many."""
    users = ["ann"] * 100 + [f"u{number}" for number in range(200)]
    readings = [
        asyncio.create_task(read(scene, user, after=f"{partition_of(user, 4)}:7", wait_ms=10_000)) for user in users
    ]
    await wait_idle()
    for user in dict.fromkeys(users):
        scene.put_list(made_list(user, offset=7))

    answers = await asyncio.gather(*readings)

    assert [(user, True) for user in users] == [(answer["user_id"], answer["reflected"]) for answer in answers]
    assert not scene.parts.waiters.any


async def test_too_many_waiting_readers_are_told_to_come_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After; reading without waiting goes on."""
    monkeypatch.setattr("web.feeds.list_waiters.WAITING_MAX", 2)
    scene.put_list(made_list(offset=5))
    waiting = [asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=400)) for _ in range(2)]
    await wait_idle()
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?after={PARTITION}:9")

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert "2 requests wait for lists already." == response.json()["detail"]
    assert 5 == (await read(scene))["offset"]
    await asyncio.gather(*waiting)


async def test_a_list_of_an_earlier_topic_of_plays_reflects_no_later_play(scene: Scene) -> None:
    """Its offset is higher, but in an earlier epoch."""
    scene.put_list(made_list(offset=5_000))
    topics = StateTopics(plays_id="new", changelog_id="c", epoch=1, partitions=4)
    scene.parts.epoch.on_record(state_topics_key(scene.settings.application.group), msgspec.json.encode(topics))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    await wait_idle()
    assert not reading.done()

    scene.put_list(made_list(items=["new"], offset=9, epoch=1))

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert 1 == recommendations["epoch"]
    assert 9 == recommendations["offset"]
