"""The stream of an open page."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from streams.partitioning import partition_of
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from tests.web.scene import NOW_MS, Scene, made_list
from web.feeds.play_latency import PlayLatency
from web.live.event_stream import STREAM_S, LiveStream, columns

PARTITION = partition_of("ann", 4)

pytestmark = pytest.mark.virtual_time


async def next_of(events: AsyncIterator[bytes], name: str) -> Any:
    """Return the payload of the next event of a name."""
    async for written in events:
        head, _, payload = written.partition(b"\ndata: ")
        if head == b"event: " + name.encode():
            assert payload.endswith(b"\n\n")
            assert b"\n" not in payload[:-2]
            return msgspec.json.decode(payload)
    raise AssertionError(name)


async def test_a_stream_begins_with_what_was(scene: Scene) -> None:
    """The last minutes as columns, then the figures of now, then one a second."""
    for second in range(3):
        scene.parts.dashboard.points.append(scene.parts.dashboard.point(NOW_MS + 1000 * second))

    async with aclosing(LiveStream(scene.parts, "").events()) as events:
        history = await next_of(events, "history")
        first, began = await next_of(events, "figures"), now_s()
        second, took_s = await next_of(events, "figures"), now_s() - began

    assert [NOW_MS, NOW_MS + 1000, NOW_MS + 2000] == history["at_ms"]
    assert {3} == {len(column) for column in history.values()}
    assert {"own", "own_low", "own_high", "popular", "popular_low", "popular_high"} <= history.keys()
    assert {"plays_per_s", "lag", "p50_ms", "p99_ms"} <= history.keys()
    assert took_s == pytest.approx(1)
    assert [NOW_MS + 2000] * 2 == [first["at_ms"], second["at_ms"]]  # the last second's, worked out once for all pages
    assert {"total": 0, "latest": []} == first["rejects"]
    assert [] == first["workers"]
    assert [] == first["generations"]


async def test_the_listener_s_list_moves(scene: Scene) -> None:
    """The stored list at once; then every new list, with the former rank of each item and the items that left."""
    scene.put_item("i1", title="One", artist="A")
    scene.put_item("of-i3", title="Reason")
    scene.put_list(made_list(items=["i1", "i2", "i9"], offset=5))
    async with aclosing(LiveStream(scene.parts, "ann").events()) as events:
        first, began = await next_of(events, "list"), now_s()
        scene.put_list(made_list(items=["i3", "i1"], offset=6, scores=[0.5, 0.25], because_scores=[[0.25], [-2.0]]))
        second = await next_of(events, "list")

    assert began == now_s()
    assert first["first"] is True
    assert [None] * 3 == [entry["before"] for entry in first["entries"]]
    assert [] == first["left"]
    assert [(1, "i1", "One", "A"), (2, "i2", None, None), (3, "i9", None, None)] == [
        (entry["rank"], entry["item_id"], entry["title"], entry["artist"]) for entry in first["entries"]
    ]
    assert second["first"] is False
    assert "ann" == second["user_id"]
    assert "personal" == second["kind"]
    assert "changed" == second["reason"]
    assert [("i3", None), ("i1", 1)] == [(entry["item_id"], entry["before"]) for entry in second["entries"]]
    assert [("i2", 2), ("i9", 3)] == [(gone["item_id"], gone["rank_before"]) for gone in second["left"]]
    assert [{"item_id": "of-i3", "title": "Reason", "share": 0.5}] == second["entries"][0]["because"]
    assert -1.0 == second["entries"][1]["because"][0]["share"]


async def test_a_play_of_the_page_tells_how_long_its_list_took(scene: Scene) -> None:
    """From when it came here; of another's play that is not known, nor of a play on another topic."""
    parts = dataclasses.replace(scene.parts, play_latency=PlayLatency(lambda: 100.0))
    parts.play_latency.came(PARTITION, 7, 99.5)
    async with aclosing(LiveStream(parts, "ann").events()) as events:
        scene.put_list(made_list(offset=6))
        assert None is (await next_of(events, "list"))["took_ms"]
        scene.put_list(made_list(offset=7))
        assert 500 == (await next_of(events, "list"))["took_ms"]
        scene.put_list(made_list(offset=7, epoch=1))
        assert None is (await next_of(events, "list"))["took_ms"]


async def test_nothing_is_told_of_others(scene: Scene) -> None:
    """A stream without a listener sends no list, nor does one of a listener without a list."""
    scene.put_list(made_list("ben"))
    for user_id in ("", "ann"):
        async with aclosing(LiveStream(scene.parts, user_id).events()) as events:
            heads = [(await anext(events)).split(b"\n")[0] for _ in range(4)]
        assert [b"retry: 1000", b"event: history", b"event: figures", b"event: figures"] == heads


async def test_the_same_list_is_told_once(scene: Scene) -> None:
    """However often somebody is woken."""
    scene.put_list(made_list())
    async with aclosing(LiveStream(scene.parts, "ann").events()) as events:
        await next_of(events, "list")
        scene.parts.waiters.wake(["ann"])
        scene.put_list(made_list())
        assert (await anext(events)).startswith(b"event: figures")
        assert (await anext(events)).startswith(b"event: figures")


async def test_a_stream_ends_when_the_gateway_stops(scene: Scene) -> None:
    """At once, though nothing else happens."""
    events = LiveStream(scene.parts, "").events()
    await next_of(events, "figures")
    waiting = asyncio.create_task(anext(events, None))
    await wait_idle()
    assert not waiting.done()
    began = now_s()
    scene.parts.waiters.close()
    scene.parts.waiters.wake_all()

    assert await waiting is None
    assert began == now_s()


async def test_a_stream_ends_after_its_time(scene: Scene) -> None:
    """The browser opens it again."""
    began = now_s()

    written = [event async for event in LiveStream(scene.parts, "").events()]

    assert now_s() - began == pytest.approx(STREAM_S)
    assert [b"retry: 1000", b"event: history", b"event: figures"] == [event.split(b"\n")[0] for event in written[:3]]
    assert not scene.parts.waiters.any


async def test_so_many_pages_are_open_and_no_more(scene: Scene) -> None:
    """Each is counted from its first event to its end; over it 503 with Retry-After."""
    streams = scene.parts.streams
    with streams.counted():
        assert 1 == streams.n_open
    assert 0 == streams.n_open
    streams.n_open = scene.settings.gateway.streams_max
    async with scene.client() as client:
        full = await client.get("/live/events")
        scene.parts.follower.caught_up.clear()
        starting = await client.get("/live/events?user=ann")

    assert [(503, "2")] * 2 == [
        (response.status_code, response.headers["retry-after"]) for response in (full, starting)
    ]
    assert "The limit of open live pages is reached." == full.json()["detail"]


def test_shares_become_three_columns() -> None:
    """Nothing for seconds without one."""
    assert [] == columns([])["own_low"]
