"""The live page on the real thing: Kafka, a worker, a gateway and a browser."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, expect

from streams.kafka.broker import Broker
from streams.settings import Settings
from tests.acceptance.browser import chromium
from tests.acceptance.page_window import PATIENCE_MS, press_play, third_title, titles, violations, window
from tests.acceptance.radio import Radio, on_air, playing
from tests.support.topics import lists
from tests.support.wait import block_until

LISTENER = "7"
CHARTS_S = 12.0 if "SCREENSHOT" in os.environ else 2.5
"""Seconds that charts have to grow: a picture shows more of them than a test needs."""


@pytest.fixture(scope="module")
def radio(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radio]:
    """Run a worker and a gateway on made-up songs, with one generation."""
    with on_air(broker, tmp_path_factory.mktemp("radio"), "test-radio") as running:
        yield running


@pytest.fixture(scope="module")
def browser(radio: Radio) -> Iterator[Browser]:  # noqa: ARG001  its loop must not run while the radio is set up
    """Run one Chromium for this module."""
    with chromium() as running:
        yield running


def plays_of(user: str, settings: Settings) -> int:
    """Return how many plays a listener's list reflects; asked in a thread, for the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lists, settings).result()[user].plays


def test_a_play_changes_the_list(browser: Browser, radio: Radio) -> None:
    """From the press of the button to another list before one's eyes; the page tells how long the list took."""
    with window(browser, f"{radio.gateway.url}/?user={LISTENER}") as page:
        played = third_title(page)

        press_play(page, played)

        assert played not in titles(page)
        expect(page.locator("#took")).to_contain_text("ms from play to list")
        expect(page.locator("#rows .why").first).to_contain_text("because you played")


def test_somebody_new_gets_a_list_of_their_own(browser: Browser, radio: Radio) -> None:
    """Nobody knows them; they search a song, play it, and see a list."""
    with window(browser, radio.gateway.url) as page:
        page.get_by_role("button", name="Play as a new listener").click()
        page.get_by_label("Item to play").fill("observatory")
        page.get_by_role("button", name="Play Slow Comet").click()

        expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
        assert "Slow Comet" not in titles(page)


def test_the_page_tells_how_it_goes(browser: Browser, radio: Radio) -> None:
    """Charts, generations, workers and rejects move with the stream; axe-core finds nothing; a picture is taken.

    SCREENSHOT names a file for the picture, as `make screenshot` does.
    """
    with window(browser, f"{radio.gateway.url}/?user={LISTENER}") as page, playing(radio.settings, 40):
        page.wait_for_timeout(1000 * CHARTS_S)
        press_play(page, titles(page)[1])

        expect(page.locator("#workers")).to_contain_text("events/s")
        expect(page.locator("#generations")).to_contain_text("in service")
        expect(page.locator("#rejects")).to_contain_text("item_id")
        assert [] == violations(page)
        page.evaluate("window.scrollTo(0, 0)")
        picture = page.screenshot(path=os.environ.get("SCREENSHOT"), animations="disabled", caret="hide")
    assert len(picture) > 50_000


def test_nothing_that_was_played_is_lost(browser: Browser, radio: Radio) -> None:
    """Every play sent by the page counts in the listener's list: as many more as buttons were pressed."""
    with window(browser, f"{radio.gateway.url}/?user=11") as page:
        expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
        before = plays_of("11", radio.settings)
        for number in range(3):
            page.get_by_role("button", name=f"Play {titles(page)[number]}").first.click()
            page.wait_for_timeout(300)

    block_until(lambda: plays_of("11", radio.settings) == before + 3, 10)
