"""Ids in paths."""

import pytest
from starlette.types import Message

from tests.web.scene import Scene, ask, made_list

ODD_IDS = {
    "a%2Fb": "a/b",
    "%2f": "/",
    "a%2fb%2F..%2Fc": "a/b/../c",
    "..": "..",
    "%2E%2E": "..",
    ".": ".",
    "a%20b": "a b",
    "100%25": "100%",
    "%2541": "%41",
    "a+b": "a+b",
    "%C3%BC": "ü",
    "%E6%97%A5%E6%9C%AC": "日本",
    "%F0%9F%8E%B5": "🎵",
    "a;b,c=d&e": "a;b,c=d&e",
    "%3F%23": "?#",
    "a%5Cb": "a\\b",
    "-" * 128: "-" * 128,
    "%C3%BC" * 128: "ü" * 128,
    "recommendations": "recommendations",
}


@pytest.mark.parametrize("raw", ODD_IDS)
async def test_an_id_is_whatever_stands_percent_encoded(scene: Scene, raw: str) -> None:
    """Slashes, dots, percent signs and other scripts: the id is the one that a play would have."""
    user_id = ODD_IDS[raw]
    scene.put_list(made_list(user_id))

    response = await ask(scene.app, "GET", f"/v1/users/{raw}/recommendations")

    assert 200 == response.status
    assert user_id == response.json["user_id"]
    assert 3 == len(response.json["items"])


@pytest.mark.parametrize("raw", ODD_IDS)
async def test_ids_of_items_are_read_alike(scene: Scene, raw: str) -> None:
    """By every path that has one, alone or beside a listener's."""
    item_id = ODD_IDS[raw]
    scene.put_item(item_id, title="T")
    scene.put_related(item_id, ["i1"])
    scene.put_list(made_list("a/b", [item_id, "i2"]))

    item = await ask(scene.app, "GET", f"/v1/items/{raw}")
    related = await ask(scene.app, "GET", f"/v1/items/{raw}/related")
    because = await ask(scene.app, "GET", f"/v1/users/a%2Fb/because/{raw}")

    assert {"item_id": item_id, "title": "T"} == item.json
    assert item_id == related.json["item_id"]
    assert ["i1"] == related.json["items"]
    assert "a/b" == because.json["user_id"]
    assert item_id == because.json["item_id"]
    assert 1 == because.json["rank"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("%00", 422),
        ("a%00b", 422),
        ("%FF", 422),
        ("%ED%A0%80", 422),
        ("a%0Ab", 422),
        ("%C2%A0", 422),
        ("%E2%80%8B", 422),
        ("-" * 129, 422),
        ("", 404),
        ("a/b", 404),
    ],
)
async def test_what_no_id_can_be_is_refused(scene: Scene, raw: str, status: int) -> None:
    """Zero bytes, no UTF-8, unprintable characters, more than 128 characters: a sentence, and no other list."""
    scene.put_popular(["i1"])
    for path in (f"/v1/users/{raw}/recommendations", f"/v1/items/{raw}/related", f"/v1/users/{raw}/export"):
        response = await ask(scene.app, "GET", path)

        assert status == response.status
        assert "application/problem+json" == response.headers["content-type"]
        assert status == response.json["status"]


async def test_a_path_without_a_server_s_raw_one_is_taken_as_it_is(scene: Scene) -> None:
    """Not every server tells the bytes of a path."""
    scene.put_list(made_list("ann"))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/v1/users/ann/recommendations", "query_string": b""}
    await scene.app({**scope, "headers": [(b"host", b"localhost")]}, receive, send)

    assert 200 == sent[0]["status"]
