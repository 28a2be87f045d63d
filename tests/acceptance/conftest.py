"""Fixtures of acceptance tests: a browser with the live page, and a playfold for example programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from tests.acceptance.browser import chromium
from tests.acceptance.examples import Desk
from tests.acceptance.page_feed import Feed, serving
from tests.acceptance.playfold_with_songs import Scene, gateway_of, playfold_with_songs


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one Chromium for a file of tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def feed() -> Feed:
    """Give the page a stream that runs."""
    return Feed(full=True)


@pytest.fixture
def address(feed: Feed) -> Iterator[str]:
    """Serve the page with the test's feed."""
    with serving(feed, free_port()) as served:
        yield served


@pytest.fixture(scope="module")
def scene(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run one worker with one generation, trained on songs, for all programs of a file."""
    with playfold_with_songs(broker.bootstrap, tmp_path_factory.mktemp("examples")) as running:
        yield running


@pytest.fixture
def desk(scene: Scene, tmp_path: Path) -> Desk:
    """Give a test a place to run programs at."""
    return Desk(tmp_path, {"BROKERS": scene.settings.kafka.brokers})


@pytest.fixture(scope="module")
def gateway(scene: Scene) -> Iterator[str]:
    """Run one gateway for all programs of a file, and give its URL."""
    with gateway_of(scene) as url:
        yield url


@pytest.fixture
def web_desk(scene: Scene, gateway: str, tmp_path: Path) -> Desk:
    """Give a test a place at which programs find the gateway, too."""
    return Desk(tmp_path, {"BROKERS": scene.settings.kafka.brokers, "GATEWAY": gateway})
