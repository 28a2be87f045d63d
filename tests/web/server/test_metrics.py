"""The metrics of a gateway."""

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.generations import make_generation
from tests.web.scene import Scene, made_list

NAMES = {
    "playfold_gateway_requests": "counter",
    "playfold_gateway_request_seconds": "histogram",
    "playfold_gateway_plays": "counter",
    "playfold_gateway_ready": "gauge",
    "playfold_gateway_unreadable_partitions": "gauge",
    "playfold_gateway_view_lag_records": "gauge",
    "playfold_gateway_streams": "gauge",
    "playfold_gateway_rate_limited": "counter",
    "playfold_lag_plays": "gauge",
    "playfold_rejects": "counter",
    "playfold_generation_age_seconds": "gauge",
    "playfold_disk_free_bytes": "gauge",
    "playfold_disk_size_bytes": "gauge",
}


async def metrics_text(scene: Scene) -> str:
    """Return the metrics as Prometheus reads them."""
    async with scene.client() as client:
        response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    return response.text


async def test_every_metric_has_its_name_and_its_type(scene: Scene, tmp_path: Path) -> None:
    """As its documentation has them; unknown figures are left out."""
    async with scene.client() as client:
        await client.get("/healthz")
    assert "playfold_generation_age_seconds" not in await metrics_text(scene)
    made = make_generation(tmp_path)
    scene.parts.serving.take(made)
    scene.parts.progress.lags = {0: 5, 3: 7}

    text = await metrics_text(scene)

    families = {family.name: family for family in text_string_to_metric_families(text)}
    types = {name: family.type for name, family in families.items() if not name.endswith("_created")}
    assert NAMES == types
    assert {"0": 5.0, "3": 7.0} == {
        sample.labels["partition"]: sample.value for sample in families["playfold_lag_plays"].samples
    }
    assert "\n# TYPE playfold_rejects_total counter\nplayfold_rejects_total 0.0\n" in text
    assert "playfold_gateway_ready 1.0" in text
    age_s = time.time() - made.manifest.created_at_ms / 1000
    assert age_s == pytest.approx(families["playfold_generation_age_seconds"].samples[0].value, abs=60)


async def test_a_gateway_that_reads_is_not_ready(scene: Scene) -> None:
    """The gauge has the same state as /readyz."""
    scene.parts.follower.caught_up.clear()
    async with scene.client() as client:
        ready, alive = await client.get("/readyz"), await client.get("/healthz")

    assert 503 == ready.status_code
    assert "2" == ready.headers["retry-after"]
    assert 200 == alive.status_code
    assert "playfold_gateway_ready 0.0" in await metrics_text(scene)


async def test_a_gateway_that_takes_no_plays_is_not_ready(scene: Scene) -> None:
    """Lists are given out as they stand."""
    scene.put_list(made_list())
    scene.parts.intake._outbox = None  # noqa: SLF001  as when Kafka is gone
    async with scene.client() as client:
        ready, read = await client.get("/readyz"), await client.get("/v1/users/ann/recommendations")

    assert 503 == ready.status_code
    assert 200 == read.status_code
    assert "Kafka accepts no plays; reads of lists still work." == ready.json()["detail"]
