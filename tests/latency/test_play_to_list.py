"""Promises of time, each measured while nothing else runs: `make test` begins with them."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from streams.kafka.broker import Broker
from tests.acceptance.browser import chromium
from tests.acceptance.page_window import press_play, third_title, window
from tests.acceptance.radio import Radio, on_air, songs
from tests.support.plays import play_record
from tests.support.topics import lists, send
from tests.support.wait import block_until

LISTENER = "7"


@pytest.fixture(scope="module")
def radio(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radio]:
    """Run a worker and a gateway on made-up songs, with one generation."""
    with on_air(broker, tmp_path_factory.mktemp("latency"), "test-latency") as running:
        yield running


@pytest.fixture(scope="module")
def browser(radio: Radio) -> Iterator[Browser]:  # noqa: ARG001  its loop must not run while the radio is set up
    """Run one Chromium for this module."""
    with chromium() as running:
        yield running


def test_every_partition_gives_lists_within_a_second(radio: Radio) -> None:
    """From the moment at which Kafka has the plays of new listeners until their lists are made."""
    users = [f"quick{number}" for number in range(20)]
    send(radio.settings, [play_record(user, songs()[0].item_id) for user in users])
    sent_at_s = time.time()
    block_until(lambda: set(users) <= set(lists(radio.settings)))

    latest = lists(radio.settings)
    assert set(range(radio.settings.topics.partitions)) == {latest[user].partition for user in users}
    assert max(latest[user].made_at_ms for user in users) / 1000 - sent_at_s < 1


def test_the_page_shows_another_list_within_a_second(browser: Browser, radio: Radio) -> None:
    """From the press of the button."""
    with window(browser, f"{radio.gateway.url}/?user={LISTENER}") as page:
        title = third_title(page)
        pressed_at_s = time.monotonic()
        press_play(page, title)

        assert time.monotonic() - pressed_at_s < 1
