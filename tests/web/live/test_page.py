"""The live page and its files, without a browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import web.live.page
from streams.settings import Secret
from tests.web.scene import Scene, made_list, make_scene

TOKEN = "correct-horse-battery"  # noqa: S105  nobody's
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def locked(tmp_path: Path) -> Scene:
    """Give a gateway that wants its token."""
    return await make_scene(tmp_path, gateway_token=Secret(TOKEN))


async def log_in(scene: Scene, content: bytes, kind: str = FORM) -> Any:
    """Send the form."""
    async with scene.client() as client:
        return await client.post("/session", content=content, headers={"content-type": kind})


async def test_the_page_is_shown_with_its_listener(scene: Scene) -> None:
    """Whose id cannot write anything into it."""
    async with scene.client() as client:
        plain, chosen = await client.get("/"), await client.get("/", params={"user": '"><script>alert(1)</script>'})
        long = await client.get("/", params={"user": "x" * 129})

    assert [200, 200, 422] == [response.status_code for response in (plain, chosen, long)]
    assert "text/html; charset=utf-8" == plain.headers["content-type"]
    assert "<script>alert" not in chosen.text
    assert "&lt;script&gt;" in chosen.text
    assert "no-cache" == plain.headers["cache-control"]


def referred() -> Iterator[str]:
    """Yield the files that pages ask for."""
    folder = web.live.page.HERE
    for template in (folder / "templates").glob("*.html"):
        yield from re.findall(r'(?:href|src)="(/static/[^"]+)"', template.read_text())
    for script in (folder / "static").glob("*.js"):
        for match in re.findall(r'from "(\./|/static/)([^"]+)"', script.read_text()):
            yield f"/static/{match[1]}"


async def test_every_file_that_a_page_asks_for_is_there(locked: Scene) -> None:
    """For everybody, token or not: the form has to look like something."""
    files = sorted(set(referred()))
    async with locked.client() as client:
        statuses = {file: (await client.get(file)).status_code for file in files}

    assert len(files) > 5
    assert dict.fromkeys(files, 200) == statuses


async def test_a_browser_logs_in_once(locked: Scene) -> None:
    """The token brings a cookie that scripts and other sites never get, and the cookie opens everything."""
    async with locked.client() as client:
        assert 200 == (await client.get("/login")).status_code
        response = await client.post("/session", data={"token": f" {TOKEN} "})
        assert 303 == response.status_code
        assert "/" == response.headers["location"]
        cookie = response.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert [200, 200] == [(await client.get(path)).status_code for path in ("/", "/live/listeners")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"token=",
        b"token=wrong",
        b"token=%FF%FE",
        b"token=\xc3\xa4",
        b"token=%00",
        b"other=" + TOKEN.encode(),
        b"&" * 4000,
        b"token=wrong&token=" + TOKEN.encode(),
        b"=" * 4096,
    ],
)
async def test_another_token_is_told_to_be_wrong(locked: Scene, content: bytes) -> None:
    """With the form again, and without a cookie."""
    response = await log_in(locked, content)

    assert 401 == response.status_code
    assert "set-cookie" not in response.headers
    assert 'id="wrong"' in response.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"token=" + b"x" * 4096, FORM, 413),
        (b"&" * 1_000_000, FORM, 413),
        (b'{"token":"x"}', "application/json", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"token=x", "", 415),
    ],
)
async def test_what_is_no_such_form_is_refused(locked: Scene, content: bytes, kind: str, status: int) -> None:
    """Anybody may send it, so little of it is read."""
    assert status == (await log_in(locked, content, kind)).status_code


async def test_without_a_token_there_is_nothing_to_log_in_to(scene: Scene) -> None:
    """The form leads to the page."""
    response = await log_in(scene, b"token=whatever")

    assert 303 == response.status_code
    assert "/" == response.headers["location"]
    assert "set-cookie" not in response.headers


async def test_listeners_are_found_by_how_their_ids_begin(scene: Scene) -> None:
    """So many at most."""
    for user_id in ("anna", "ann", "ben"):
        scene.put_list(made_list(user_id))
    async with scene.client() as client:
        response = await client.get("/live/listeners", params={"query": "an"})
        one = await client.get("/live/listeners", params={"query": "", "limit": 1})
        none = await client.get("/live/listeners", params={"query": "\x00%"})
        many = await client.get("/live/listeners", params={"limit": 51})

    assert [["ann", "anna"], ["ann"], []] == [answer.json()["listeners"] for answer in (response, one, none)]
    assert 422 == many.status_code
