"""The guard before every path of the gateway."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from state.gateway_view.keys import RELATED
from state.gateway_view.view import View
from streams.settings import Secret
from tests.support.settings import settings_with
from tests.web.scene import HOST, Scene, ask, made_list, make_scene
from web.server.access import Access
from web.server.guard import Guard
from web.server.metrics import GatewayMetrics


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/static/favicon.svg", 200),
        ("GET", "/nowhere", 404),
        ("HEAD", "/healthz", 200),
        ("OPTIONS", "/v1/plays", 204),
        ("TRACE", "/v1/plays", 405),
        ("POST", "/v1/plays", 415),
        ("GET", "/v1/users/%00/export", 422),
    ],
)
async def test_every_answer_has_the_headers_that_browsers_heed(
    scene: Scene, method: str, path: str, status: int
) -> None:
    """On every answer, an error too."""
    response = await ask(scene.app, method, path)

    assert status == response.status
    assert "nosniff" == response.headers["x-content-type-options"]
    assert "no-referrer" == response.headers["referrer-policy"]
    assert "same-origin" == response.headers["cross-origin-resource-policy"]
    assert "default-src 'none'; script-src 'self'" in response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "access-control-allow-origin" not in response.headers


async def test_a_problem_is_a_document(scene: Scene) -> None:
    """RFC 9457, with all its parts; the allowed methods are told."""
    response = await ask(scene.app, "PUT", "/v1/plays")

    assert {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "This path does not take this method.",
    } == response.json
    assert "application/problem+json" == response.headers["content-type"]
    assert "POST" == response.headers["allow"]


@pytest.mark.parametrize("path", ["/static/a%2Fb", "/static/..%2Faccess.py", "/static/../access.py", "/static/%2e%2e"])
async def test_nothing_but_its_own_files_is_given_out(scene: Scene, path: str) -> None:
    """However the path is written."""
    response = await ask(scene.app, "GET", path)

    assert 404 == response.status
    assert b"hmac" not in response.body


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """429 with whole seconds; it is counted; whether the gateway lives is told to everybody all the same."""
    # Slow requests would find their budget filled again.
    stopped = SimpleNamespace(monotonic=lambda: 100.0, perf_counter=time.perf_counter)
    monkeypatch.setattr("web.server.guard.time", stopped)
    scene = await make_scene(tmp_path, gateway_requests_per_s=2)
    async with scene.client() as client:
        responses = [await client.get("/v1/items?query=a") for _ in range(6)]
        health = [await client.get("/healthz") for _ in range(20)]
        status_of_metrics = (await client.get("/metrics")).status_code

    assert [200, 200, 200, 200, 429, 429] == [answer.status_code for answer in responses]
    assert "1" == responses[4].headers["retry-after"]
    assert "PLAYFOLD_GATEWAY_REQUESTS_PER_S" in responses[4].json()["detail"]
    assert {200} == {answer.status_code for answer in health}
    assert 429 == status_of_metrics
    assert 3 == scene.parts.metrics.registry.get_sample_value("playfold_gateway_rate_limited_total")


class Slow:
    """An app that answers when it is told."""

    def __init__(self) -> None:
        """Begin with nobody asking."""
        self.may_end, self.n_asked = asyncio.Event(), 0

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Wait, then answer."""
        self.n_asked += scope["path"] != "/healthz"
        if scope["path"] != "/healthz":
            await self.may_end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def guarded(app: Any, **settings: Any) -> Guard:
    """Return an app behind a guard."""
    made = settings_with(**settings)
    return Guard(app, made.gateway, Access(made.gateway), GatewayMetrics())


async def test_so_many_requests_are_answered_at_a_time_and_no_more() -> None:
    """Over it: 503 with Retry-After, at once; then there is room again."""
    slow = Slow()
    guard = guarded(slow, gateway_connections_max=3)
    busy = [asyncio.create_task(ask(guard, "GET", "/a")) for _ in range(3)]
    await asyncio.sleep(0)

    refused = await ask(guard, "GET", "/a")
    assert 503 == refused.status
    assert "2" == refused.headers["retry-after"]
    assert "3 requests are in progress: the limit is reached." == refused.json["detail"]
    assert 200 == (await ask(guard, "GET", "/healthz")).status
    slow.may_end.set()
    assert [200] * 3 == [answer.status for answer in await asyncio.gather(*busy)]
    assert 200 == (await ask(guard, "GET", "/a")).status
    assert 4 == slow.n_asked


async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail with the client's bytes."""
    message = "secret-listener"
    raise KeyError(message)


async def failing_late(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Fail in the middle of an answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    message = "secret-listener"
    raise KeyError(message)


@pytest.mark.parametrize(("app", "status"), [(failing, 500), (failing_late, 200)])
async def test_an_error_that_nobody_foresaw_is_logged_without_what_was_asked(
    app: Any, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a problem document unless an answer has begun; the log has the place and no word of theirs."""
    response = await ask(guarded(app), "GET", "/v1/users/secret-listener/recommendations")

    assert status == response.status
    ((record),) = caplog.records
    assert "request_failed" == record.message
    assert logging.ERROR == record.levelno
    assert "KeyError" == vars(record)["error"]
    assert "test_guard.py:" in vars(record)["where"]
    assert "secret-listener" not in str(vars(record))
    if status == 500:
        assert "The gateway failed; its log has the location." == response.json["detail"]


async def test_a_path_that_fails_answers_with_a_problem_document(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the framework's text; an unreadable record on a topic is no failure of the gateway."""
    scene.take(RELATED, "i2", b"nothing that a job would write")
    unreadable = await ask(scene.app, "GET", "/v1/items/i2/related")
    monkeypatch.setattr(View, "related_to", lambda *_: 1 // 0)

    response = await ask(scene.app, "GET", "/v1/users/ann/export?x=1")
    failed = await ask(scene.app, "GET", "/v1/items/i1/related")

    assert 503 == unreadable.status
    assert 200 == response.status
    assert 500 == failed.status
    assert "application/problem+json" == failed.headers["content-type"]
    assert 500 == failed.json["status"]
    assert ["request_failed"] == caplog.messages


@pytest.mark.parametrize(
    ("headers", "body", "closes"),
    [
        ({}, b"", False),
        ({"content-type": "application/json"}, b"{}", False),
        ({"content-type": "text/plain"}, b"{}", True),
        ({"content-type": "text/plain", "transfer-encoding": "chunked", "content-length": "0"}, b"{}", True),
        ({"content-type": "text/plain", "content-length": "000"}, b"", False),
        ({"content-type": "application/json", "content-length": "9" * 17}, b"{}", True),
    ],
)
async def test_a_connection_ends_with_an_answer_before_the_end_of_a_body(
    scene: Scene, headers: Mapping[str, str], body: bytes, *, closes: bool
) -> None:
    """Otherwise a client that sends the rest byte by byte would hold it for ever."""
    response = await ask(scene.app, "POST", "/v1/plays", headers, body)

    assert response.status >= 400
    assert closes == (response.headers.get("connection") == "close")


async def test_requests_are_counted_by_templates_of_paths(scene: Scene) -> None:
    """Never by the requested path: no label has an id, and no stranger can make a new one."""
    scene.put_list(made_list("secret-ann"))
    async with scene.client() as client:
        await client.get("/v1/users/secret-ann/recommendations")
        await client.get("/v1/users/secret-ben/export")
        await client.get("/v1/users/secret-ann/because/secret-item")
        await client.get("/v1/items/secret-item/related")
        await client.get("/secret-path")
        await client.request("SECRET", "/secret-path")
        await client.get("/static/secret-file")
        await client.get("/v1/items?query=secret-words")
        metrics = (await client.get("/metrics")).text

    assert "secret" not in metrics.lower()
    counted = scene.parts.metrics.registry
    for route, status in (
        ("/v1/users/{user_id}/recommendations", "200"),
        ("/v1/users/{user_id}/export", "200"),
        ("/v1/users/{user_id}/because/{item_id}", "404"),
        ("/v1/items/{item_id}/related", "404"),
    ):
        labels = {"route": route, "method": "GET", "status": status}
        assert 1 == counted.get_sample_value("playfold_gateway_requests_total", labels)
    others = {"route": "other", "method": "other", "status": "404"}
    assert 3 == counted.get_sample_value("playfold_gateway_requests_total", others)


async def test_whoever_opens_the_page_without_the_token_is_shown_where_to_give_it(tmp_path: Path) -> None:
    """The page alone: everything else says 401."""
    scene = await make_scene(tmp_path, gateway_token=Secret("correct-horse-battery"))
    async with scene.client() as client:
        page, play = await client.get("/"), await client.post("/", json={})
        api = await client.get("/v1/items?query=a")

    assert 303 == page.status_code
    assert "/login" == page.headers["location"]
    assert [401, 401] == [play.status_code, api.status_code]
    assert "Bearer" == api.headers["www-authenticate"]


async def test_what_is_no_http_is_passed_on() -> None:
    """Other scopes of a server reach the app."""
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    await guarded(app)({"type": "lifespan"}, nothing, nothing)

    assert ["lifespan"] == seen


def test_the_host_of_these_tests_is_a_name_of_the_gateway() -> None:
    """Else every test above would be about something else."""
    assert "http://localhost" == HOST
