"""The methods of paths: `HEAD`, `OPTIONS`, and a method that a path does not take."""

import pytest

from tests.web.scene import Scene, ask, made_list

GET_PATHS = [
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/login", "/static/page.js", "/live/listeners",
    "/v1/users/ann/recommendations", "/v1/users/ann/because/i1", "/v1/users/ann/export", "/v1/items?query=x",
    "/v1/items/i1", "/v1/items/i1/related",
]  # fmt: skip


@pytest.mark.parametrize("path", GET_PATHS)
async def test_head_is_get_without_its_body(scene: Scene, path: str) -> None:
    """The same status and headers, the length included."""
    scene.put_list(made_list("ann", ["i1"]))
    got = await ask(scene.app, "GET", path)
    head = await ask(scene.app, "HEAD", path)

    assert got.status == head.status
    assert b"" == head.body
    changing = {"date", "content-length"} if path in {"/metrics", "/v1/users/ann/export"} else {"date"}
    expected = {name: value for name, value in got.headers.items() if name not in changing}
    assert expected == {name: value for name, value in head.headers.items() if name not in changing}


async def test_head_of_an_unchanged_list_is_304(scene: Scene) -> None:
    """As a GET with its ETag would be."""
    scene.put_list(made_list("ann", ["i1"]))
    tag = (await ask(scene.app, "HEAD", "/v1/users/ann/recommendations")).headers["etag"]

    assert 304 == (await ask(scene.app, "HEAD", "/v1/users/ann/recommendations", {"if-none-match": tag})).status


async def test_head_of_the_event_stream_ends(scene: Scene) -> None:
    """Without an event, and the slot of the stream is free again."""
    head = await ask(scene.app, "HEAD", "/live/events?user=ann")

    assert 200 == head.status
    assert head.headers["content-type"].startswith("text/event-stream")
    assert b"" == head.body
    assert 0 == scene.parts.streams.n_open


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/plays", "POST"),
        ("/v1/users/ann", "DELETE"),
        ("/v1/users/ann/recommendations", "GET, HEAD"),
        ("/v1/items/a%2Fb", "GET, HEAD"),
    ],
)
async def test_the_methods_of_a_path_are_named(scene: Scene, path: str, allowed: str) -> None:
    """By `OPTIONS`, and with the problem of a method that is none of them."""
    options, patch = await ask(scene.app, "OPTIONS", path), await ask(scene.app, "PATCH", path)

    assert 204 == options.status
    assert b"" == options.body
    assert allowed == options.headers["allow"]
    assert 405 == patch.status
    assert allowed == patch.headers["allow"]
    assert "This path does not take this method." == patch.json["detail"]


async def test_there_are_no_methods_where_there_is_no_path(scene: Scene) -> None:
    """404, as for any other method."""
    assert 404 == (await ask(scene.app, "OPTIONS", "/v1/nothing")).status


@pytest.mark.parametrize("path", ["/v1/users/ann/recommendations", "/healthz", "/v1/items/a%2F", "/v1/items"])
async def test_a_slash_at_the_end_changes_nothing(scene: Scene, path: str) -> None:
    """One that is part of an id is encoded."""
    scene.put_list(made_list("ann", ["i1"]))
    scene.put_item("a/")

    without, with_slash = await ask(scene.app, "GET", path), await ask(scene.app, "GET", f"{path}/")

    assert without.status == with_slash.status
    assert without.body == with_slash.body
