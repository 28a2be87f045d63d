"""Items: catalog records, related items, recommendations for some items, and the search."""

from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from state.gateway_view.keys import ITEM
from state.generations.generation import Generation
from streams.partitioning import partition_of
from streams.topics.topics import CATALOG, RELATED_ITEMS
from tests.support.generations import make_generation
from tests.web.scene import Scene
from web import rank_queue


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation of 40 items, of which i3 is played most."""
    return make_generation(tmp_path / "generations", popularity={"i3": 9.0, "i31": 5.0})


async def get(scene: Scene, path: str, **headers: str) -> Any:
    """Return the answer to a GET."""
    async with scene.client(**headers) as client:
        return await client.get(path)


async def post(scene: Scene, body: Any) -> Any:
    """Return the answer to a ranking request."""
    async with scene.client() as client:
        return await client.post("/v1/recommendations", json=body)


async def test_the_catalog_s_item_is_given_out(scene: Scene) -> None:
    """With a tag; an unknown item is 404."""
    scene.put_item("i1", title="One", artist="A", kind="song", tags=("x",))

    response = await get(scene, "/v1/items/i1")

    assert {"item_id": "i1", "title": "One", "artist": "A", "kind": "song", "tags": ["x"]} == response.json()
    same = await get(scene, "/v1/items/i1", **{"if-none-match": response.headers["etag"]})
    assert 304 == same.status_code
    assert b"" == same.content
    assert 404 == (await get(scene, "/v1/items/i2")).status_code
    assert "The catalog has no entry of this item." == (await get(scene, "/v1/items/i2")).json()["detail"]


@pytest.mark.parametrize("value", [b"", b"no json", b"\xff", b"[" * 3000, b'{"item_id":7}', b'{"item_id":"i2"}'])
async def test_a_record_that_is_no_item_is_none(scene: Scene, value: bytes) -> None:
    """Bytes on the topic that are no such JSON are not passed on."""
    scene.take(ITEM, "i1", value)

    assert 404 == (await get(scene, "/v1/items/i1")).status_code


async def test_related_items_are_given_out_nearest_first(scene: Scene) -> None:
    """As many as requested; 404 for an item of no generation."""
    scene.put_related("i1", ["i2", "i3", "i4"])

    whole, cut = await get(scene, "/v1/items/i1/related"), await get(scene, "/v1/items/i1/related?n=2")

    assert ["i2", "i3", "i4"] == whole.json()["items"]
    assert [0.9, 0.8, 0.7] == whole.json()["cosines"]
    assert ["i2", "i3"] == cut.json()["items"]
    assert [0.9, 0.8] == cut.json()["cosines"]
    assert whole.headers["etag"] != cut.headers["etag"]
    assert [404, 422, 422] == [
        (await get(scene, path)).status_code
        for path in ("/v1/items/i9/related", "/v1/items/i1/related?n=0", "/v1/items/i1/related?n=x")
    ]


@pytest.mark.parametrize("path", ["/v1/items/i1", "/v1/items/i1/related", "/v1/users/ann/because/i1"])
async def test_nothing_is_said_to_be_missing_before_the_topics_are_read(scene: Scene, path: str) -> None:
    """503 with Retry-After: a 404 would be believed."""
    scene.parts.follower.caught_up.clear()

    response = await get(scene, path)

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]


async def test_what_goes_with_some_items_is_ranked(scene: Scene, generation: Generation) -> None:
    """Without the given ones; unknown items are named; nothing is stored."""
    scene.parts.serving.take(generation)

    answer = (await post(scene, {"items": ["i1", "i2", "stranger"], "n": 5})).json()

    assert "personal" == answer["kind"]
    assert generation.id == answer["generation"]
    assert ["stranger"] == answer["unknown"]
    assert 5 == len(answer["items"]) == len(answer["scores"])
    assert not {"i1", "i2"} & set(answer["items"])
    assert sorted(answer["scores"], reverse=True) == answer["scores"]
    assert [] == scene.parts.view.listeners("", 1)
    assert {} == scene.outbox.logs


async def test_only_the_candidates_are_ranked(scene: Scene, generation: Generation) -> None:
    """All of them that are known; in the order of a list of everything."""
    scene.parts.serving.take(generation)
    whole = (await post(scene, {"items": ["i1"], "n": 39})).json()

    answer = (await post(scene, {"items": ["i1"], "candidates": ["i5", "i9", "i7", "stranger"]})).json()
    none = (await post(scene, {"items": ["i1"], "candidates": []})).json()

    assert [item_id for item_id in whole["items"] if item_id in {"i5", "i7", "i9"}] == answer["items"]
    assert [] == none["items"]


async def test_strangers_alone_give_what_is_popular(scene: Scene, generation: Generation) -> None:
    """The generation knows none of the items."""
    scene.parts.serving.take(generation)

    answer = (await post(scene, {"items": ["\u200b", "x" * 128], "n": 2})).json()

    assert "popular" == answer["kind"]
    assert ["i3", "i31"] == answer["items"]


async def test_without_a_generation_nothing_is_ranked(scene: Scene) -> None:
    """503 with Retry-After: there may be one soon."""
    response = await post(scene, {"items": ["i1"]})

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert "`playfold retrain` makes one." in response.json()["detail"]


@pytest.mark.parametrize(
    ("bound", "value", "detail"),
    [
        ("WAITING_MAX", 0, "0 requests are queued for ranking: the limit is reached."),
        ("ANSWER_S", 0, "The request was not ranked within 0 s: the thread is busy."),
    ],
)
async def test_a_request_beyond_the_bounds_of_the_queue_is_refused(
    scene: Scene, generation: Generation, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, detail: str
) -> None:
    """503 with Retry-After and a sentence."""
    scene.parts.serving.take(generation)
    monkeypatch.setattr(rank_queue, bound, value)

    response = await post(scene, {"items": ["i1"]})

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert detail == response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"items": []},
        {"items": [""]},
        {"items": ["x" * 129]},
        {"items": ["x"] * 501},
        {"items": "i1"},
        {"items": [1]},
        {"items": ["i1"], "n": 0},
        {"items": ["i1"], "n": 1001},
        {"items": ["i1"], "n": 1.5},
        {"items": ["i1"], "candidates": ["x"] * 5001},
        {"items": ["i1"], "candidates": [None]},
        {"items": ["i1"], "user_id": "ann"},
    ],
)
async def test_a_request_that_does_not_fit_is_refused(scene: Scene, generation: Generation, body: Any) -> None:
    """With the position of the fault; an unknown field too, so that a `user_id` is not silently ignored."""
    scene.parts.serving.take(generation)

    response = await post(scene, body)

    assert 422 == response.status_code
    assert "application/problem+json" == response.headers["content-type"]


async def test_items_are_found(scene: Scene, generation: Generation) -> None:
    """By the catalog and by the generation, the most played first."""
    scene.parts.serving.take(generation)
    scene.put_item("i31", title="Blue Moon", artist="Ella")
    scene.put_item("new", title="Blue Monday")

    items = (await get(scene, "/v1/items?query=BLUE%20%20mo&limit=5")).json()["items"]

    assert [("i31", "Blue Moon"), ("new", "Blue Monday")] == [(item["item_id"], item["title"]) for item in items]
    assert ["i3", "i31"] == [
        item["item_id"] for item in (await get(scene, "/v1/items?query=i3&limit=2")).json()["items"]
    ]


@pytest.mark.parametrize("query", ["", "query=", "query=" + "x" * 129, "query=a&limit=0", "query=a&limit=101"])
async def test_a_search_that_does_not_fit_is_refused(scene: Scene, query: str) -> None:
    """Above all one for nothing."""
    assert 422 == (await get(scene, f"/v1/items?{query}")).status_code


@pytest.mark.parametrize(("topic", "path"), [(RELATED_ITEMS, "/v1/items/i9/related"), (CATALOG, "/v1/items/i9")])
async def test_an_item_in_an_unread_part_is_not_missing(scene: Scene, topic: str, path: str) -> None:
    """503 with the place instead of 404: its record may be there."""
    scene.parts.unreadable.block(TopicPartition(topic, partition_of("i9", 4)), 7, "not authorized")

    async with scene.client() as client:
        response = await client.get(path)

    assert 503 == response.status_code
    assert response.json()["detail"].endswith(
        f"cannot be read: {topic}, partition {partition_of('i9', 4)}, from offset 7 on: not authorized."
    )
