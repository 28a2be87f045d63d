"""The live page on the real thing: Kafka, a worker, a gateway and a browser."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from cli.processes import GatewayProcess
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from streams.files.catalog_file import send_items
from streams.kafka.broker import Broker
from streams.outbox import Outbox
from streams.settings import Settings
from streams.topics.admin import create_topics, delete_topics
from tests.acceptance.browser import chromium
from tests.acceptance.page_window import violations, window
from tests.acceptance.radio import LISTENERS, past_plays, playing, songs
from tests.support.settings import settings_with
from tests.support.topics import lists, send, worker
from tests.support.wait import block_until

LISTENER = "7"
SECOND_MS, PATIENCE_MS = 1000, 20_000
CHARTS_S = 12.0


class Radio(NamedTuple):
    """A playfold that runs, with lists for everybody."""

    settings: Settings
    gateway: GatewayProcess


@pytest.fixture(scope="module")
def radio(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radio]:
    """Run a worker and a gateway on made-up songs, with one generation."""
    settings = settings_with(
        brokers=broker.bootstrap,
        data_dir=str(tmp_path_factory.mktemp("radio")),
        group="test-radio",
        topic_prefix="test-radio.",
        factors=8,
        list_n=12,
        gateway_port=0,
        popular_publish_s=0.5,
    )
    create_topics(settings)
    send(settings, past_plays())
    gateway = GatewayProcess(settings)
    with worker(settings):
        gateway.start()
        try:
            _tell_songs(settings)
            retrain(settings, no_progress)
            block_until(lambda: len(lists(settings)) == LISTENERS, 30)
            gateway.await_ready(30)
            yield Radio(settings, gateway)
        finally:
            gateway.stop()
    delete_topics(settings)


@pytest.fixture(scope="module")
def browser(radio: Radio) -> Iterator[Browser]:  # noqa: ARG001  its loop must not run while the radio is set up
    """Run one Chromium for this module."""
    with chromium() as running:
        yield running


def _tell_songs(settings: Settings) -> None:
    async def tell() -> None:
        async with Outbox(settings) as outbox:
            async for _ in send_items(iter([songs()]), outbox, settings):
                pass

    asyncio.run(tell())


def plays_of(user: str, settings: Settings) -> int:
    """Return how many plays a listener's list reflects; asked in a thread, for the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lists, settings).result()[user].plays


def titles(page: Page) -> list[str]:
    """Return the titles of the list as it is shown."""
    return page.locator("#rows .title").all_inner_texts()


def test_a_play_changes_the_list_within_a_second(browser: Browser, radio: Radio) -> None:
    """From the press of the button to another list before one's eyes; the page tells how long the list took."""
    with window(browser, f"{radio.gateway.url}/?user={LISTENER}") as page:
        expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
        before = titles(page)
        pressed = time.monotonic()
        page.get_by_role("button", name=f"Play {before[2]}").first.click()
        expect(page.locator("#status")).to_contain_text("The list changed", timeout=SECOND_MS)
        took_ms = 1000 * (time.monotonic() - pressed)

        assert before[2] not in titles(page)
        assert took_ms < SECOND_MS
        expect(page.locator("#took")).to_contain_text("ms from play to list")
        expect(page.locator("#rows .why").first).to_contain_text("because you played")


def test_somebody_new_gets_a_list_of_their_own(browser: Browser, radio: Radio) -> None:
    """Nobody knows them; they search a song, play it, and see a list."""
    with window(browser, radio.gateway.url) as page:
        page.get_by_role("button", name="Play as a new listener").click()
        page.get_by_label("What they play").fill("observatory")
        page.get_by_role("button", name="Play Slow Comet").click()

        expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
        assert "Slow Comet" not in titles(page)


def test_the_page_tells_how_it_goes(browser: Browser, radio: Radio) -> None:
    """Charts, generations, workers and rejects move with the stream; axe-core finds nothing; a picture is taken.

    SCREENSHOT names a file for the picture, as `make screenshot` does.
    """
    with window(browser, f"{radio.gateway.url}/?user={LISTENER}") as page, playing(radio.settings, 40):
        page.wait_for_timeout(1000 * CHARTS_S)
        page.get_by_role("button", name=f"Play {titles(page)[1]}").first.click()
        expect(page.locator("#status")).to_contain_text("The list changed", timeout=SECOND_MS)

        expect(page.locator("#workers")).to_contain_text("events/s")
        expect(page.locator("#generations")).to_contain_text("in service")
        expect(page.locator("#rejects")).to_contain_text("item_id")
        assert [] == violations(page)
        page.evaluate("window.scrollTo(0, 0)")
        picture = page.screenshot(path=os.environ.get("SCREENSHOT"), animations="disabled", caret="hide")
    assert len(picture) > 50_000


def test_nothing_that_was_played_is_lost(browser: Browser, radio: Radio) -> None:
    """What the page sends counts in the listener's list: as many plays more as buttons were pressed."""
    with window(browser, f"{radio.gateway.url}/?user=11") as page:
        expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
        before = plays_of("11", radio.settings)
        for number in range(3):
            page.get_by_role("button", name=f"Play {titles(page)[number]}").first.click()
            page.wait_for_timeout(300)

    block_until(lambda: plays_of("11", radio.settings) == before + 3, 10)
