"""The gateway held to its own description, by requests that Schemathesis makes up: valid ones and invalid ones."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from streams.messages.records import CatalogItem, RelatedItems
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.settings import Secret, Settings, override
from streams.topics.topics import TopicNames
from tests.support.gateway import client_of, gateway, post, read
from tests.support.made_up import made_up_factors, publish
from tests.support.patience import stretched
from tests.support.plays import play
from tests.support.topics import worker

PROJECT = Path(__file__).parents[2]
TOKEN = "correct-horse-battery"  # noqa: S105  nobody's
TIMEOUT_S = 240
# What is documented as "not now" may come on a busy machine; everything else of 5xx is a failure.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
"""


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings with a generation, and topics on which something stands of the ids in the examples."""
    unlimited = override(
        settings, factors=8, list_n=10, popular_publish_s=0.2, gateway_token=Secret(TOKEN), gateway_requests_per_s=0
    )
    publish(unlimited, made_up_factors(60, 8, np.random.default_rng(0)))
    item = CatalogItem(item_id="song-7", title="Seven", artist="S", kind="song", tags=("x",))
    related = RelatedItems(item_id="song-7", generation="g", items=["i1", "i2"], cosines=[0.5, 0.25])

    async def write() -> None:
        async with Outbox(unlimited.kafka) as outbox:
            for topic, record in ((names.catalog, item), (names.related_items, related)):
                partition = partition_of("song-7", unlimited.topics.partitions)
                value = msgspec.json.encode(record)
                await (await outbox.send(topic, partition, [(b"song-7", value)])).written()

    asyncio.run(write())
    return unlimited


def held_to(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis against a gateway: all checks, by examples, by every bound of the schemas, and at random."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(folder / "schemathesis.toml")]
    command += ["run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}", "--seed", "1"]
    command += ["--phases", "examples,coverage,fuzzing", "--checks", "all", "--mode", "all", "--max-examples", "20"]
    command += ["--continue-on-failure", "--no-color", "--request-timeout", "60"]
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT),
        "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=stretched(TIMEOUT_S), check=False
    )


def test_the_gateway_is_as_it_describes_itself(small: Settings, tmp_path: Path) -> None:
    """No failure, no status, type or field that is not described; nothing valid is refused, nothing invalid taken.

    And without the token nothing at all. Afterwards it lives, and its log has no error.
    """
    with worker(small), gateway(small) as process:
        with client_of(process, authorization=f"Bearer {TOKEN}") as client:
            (*_, place) = post(client, *(play("anna", f"i{number}") for number in range(5)))
            assert read(client, "anna", place)["reflected"]
            ended = held_to(process.url, tmp_path)
            metrics = client.get("/metrics").text
        events = process.events()

    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert "Selected: 11/11" in ended.stdout
    assert "Tested: 11" in ended.stdout
    (n_cases,) = re.findall(r"(\d[\d,]*) generated", ended.stdout)
    assert int(n_cases.replace(",", "")) > 500
    assert 'status="500"' not in metrics
    assert [] == [event for event in events if event["level"] in {"error", "critical"}]
