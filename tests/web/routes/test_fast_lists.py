"""The short way to a list, against the app that it stands before."""

from pathlib import Path

import pytest

from tests.support.generations import make_generation
from tests.web.scene import Scene, ask, made_list
from web.app import create_api
from web.server.guard import Guard

JSON = {"content-type": "application/json"}
BODIES = (
    b'{"items": ["i1", "stranger"], "n": 5}',
    b'{"items": ["i1"], "candidates": ["i5", "i9"]}',
    b'{"items": []}',
    b'{"items": ["i1"], "user_id": "ann"}',
    b"no json",
    b"",
)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("headers", [JSON, {"content-type": "text/plain"}, JSON | {"content-encoding": "br"}])
@pytest.mark.parametrize("serves", [True, False])
async def test_a_request_for_some_items_is_answered_as_the_app_does(
    scene: Scene, tmp_path: Path, body: bytes, headers: dict[str, str], *, serves: bool
) -> None:
    """Status, headers and body are the same, errors too; the metrics name the path."""
    if serves:
        scene.parts.serving.take(make_generation(tmp_path / "generations"))
    app = Guard(create_api(scene.parts, scene.access), scene.settings.gateway, scene.access, scene.parts.metrics)

    quick, plain = [await ask(one, "POST", "/v1/recommendations", headers, body) for one in (scene.app, app)]

    assert plain == quick
    samples = scene.parts.metrics.registry.get_sample_value
    labels = {"route": "/v1/recommendations", "method": "POST", "status": str(plain.status)}
    assert 2 == samples("playfold_gateway_requests_total", labels)


@pytest.mark.parametrize(
    "path", ["/v1/users/ann/recommendations?n=2", "/v1/users/bob/recommendations", "/v1/users//recommendations"]
)
async def test_a_read_is_answered_as_the_app_does(scene: Scene, path: str) -> None:
    """Also where there is no list."""
    scene.put_list(made_list("ann"))
    app = Guard(create_api(scene.parts, scene.access), scene.settings.gateway, scene.access, scene.parts.metrics)

    quick, plain = [await ask(one, "GET", path) for one in (scene.app, app)]

    assert plain == quick


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_another_method_is_the_app_s(scene: Scene, method: str) -> None:
    """Which names the methods of the path."""
    answer = await ask(scene.app, method, "/v1/recommendations")

    assert 405 == answer.status
    assert "POST" == answer.headers["allow"]
