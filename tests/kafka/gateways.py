"""A worker and a gateway as processes, on a real Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from httpx import Client

from cli.processes import GatewayProcess, WorkerProcess
from streams.settings import Settings
from streams.topics.admin import create_topics, delete_topics
from tests.support.gateway import client_of, gateway, post, read
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play
from tests.support.settings import settings_with
from tests.support.topics import worker
from tests.support.wait import block_until


class Running(NamedTuple):
    """A worker and a gateway that have a generation."""

    settings: Settings
    worker: WorkerProcess
    gateway: GatewayProcess
    client: Client


@contextmanager
def running_gateway(brokers: str, folder: Path) -> Iterator[Running]:
    """Run a worker and a gateway with a generation; check at the end that the log names no listener and no error."""
    settings = settings_with(
        brokers=brokers,
        data_dir=str(folder),
        group="test-gateway",
        topic_prefix="test-gateway.",
        factors=8,
        list_n=10,
        popular_publish_s=0.2,
        gateway_requests_per_s=0,
    )
    create_topics(settings)
    publish(settings, made_up_factors(100, 8, np.random.default_rng(0)))
    with worker(settings) as folding, gateway(settings) as process, client_of(process) as client:
        place = post(client, play("first", "i1"))[0]
        assert read(client, "first", place)["reflected"]
        block_until(lambda: client.get("/v1/users/nobody/recommendations").status_code == 200, 20)
        yield Running(settings, folding, process, client)
        log = process.log_file.read_text()
        assert "secret" not in log
        assert [] == [event for event in process.events() if event["level"] in {"error", "critical"}]
    delete_topics(settings)
