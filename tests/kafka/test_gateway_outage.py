"""A gateway whose Kafka goes away and comes back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from streams.settings import Settings
from streams.topics.admin import create_topics
from tests.support.gateway import client_of, gateway, post, read
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS
from tests.support.topics import worker
from tests.support.wait import block_until


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[Broker, Settings]]:
    """Give a Kafka of its own, which the test may stop, and settings on it."""
    with Broker(tmp_path / "broker", JARS, free_port()) as running:
        settings = settings_with(
            brokers=running.bootstrap,
            data_dir=str(tmp_path),
            factors=8,
            list_n=5,
            kafka_timeout_s=4.0,
            popular_publish_s=0.2,
            session_timeout_s=6.0,
        )
        create_topics(settings)
        publish(settings, made_up_factors(30, 8, np.random.default_rng(0)))
        yield running, settings


def test_without_kafka_lists_are_read_and_plays_are_taken_again_when_it_is_back(
    mortal: tuple[Broker, Settings],
) -> None:
    """503 with Retry-After for plays, at once from the second on; the gateway stays alive, reports it, and recovers."""
    broker, settings = mortal
    with gateway(settings) as process, client_of(process) as client:
        with worker(settings):
            (place,) = post(client, play("ann", "i1"))
            before = read(client, "ann", place)
        broker.stop()

        lost = client.post("/v1/plays", json=play("ann", "i2"))
        again = client.post("/v1/plays", json=play("ann", "i2"))
        assert [(503, "2")] * 2 == [
            (response.status_code, response.headers["retry-after"]) for response in (lost, again)
        ]
        assert "does not answer; nothing was sent." in again.json()["detail"]
        for _ in range(3):
            assert {**before, "reflected": True} == read(client, "ann", place, wait_ms=0)
        assert (503, 200, 200) == tuple(client.get(path).status_code for path in ("/readyz", "/healthz", "/metrics"))
        assert 503 == client.get("/v1/users/ann/export").status_code
        later = read(client, "ann", {**place, "offset": 10**6}, wait_ms=200)
        assert not later["reflected"]

        broker.start()
        block_until(lambda: client.get("/readyz").status_code == 200, 40)
        with worker(settings):
            (place,) = post(client, play("ann", "i3"))
            assert read(client, "ann", place, wait_ms=10_000)["reflected"]
        assert process.running
        lost_kafka, *between, found_kafka = [
            event["event"] for event in process.events() if event["event"].startswith("intake_")
        ]
        assert "intake_lost_kafka" == lost_kafka
        assert "intake_found_kafka" == found_kafka
        assert {"intake_not_connected"} >= set(between)
