"""Figures and charts of the live page, and the views of operators."""

import re

from playwright.sync_api import Browser, Page, expect

from streams.kafka.ports import free_port
from tests.acceptance.page_events import GENERATION, REJECTED
from tests.acceptance.page_feed import Feed, serving
from tests.acceptance.page_window import wait_until, window


def test_figures_are_drawn_and_said(browser: Browser, address: str) -> None:
    """Each chart has its newest figures in words beside a canvas with lines on it."""
    with window(browser, address) as page:
        expect(page.locator("#chart-plays [data-column=plays_per_s]")).to_have_text(re.compile(r"^\d+(\.\d)?$"))
        expect(page.locator("#chart-latency [data-column=p99_ms]")).to_have_text(re.compile(r"^\d+ ms$"))
        expect(page.locator("#chart-hits dl")).to_have_text(
            re.compile(r"own list\s*1\d\.\d % 1\d\.\d to \d+\.\d\s*popular list\s*\d\.\d % \d\.\d to \d\.\d")
        )
        expect(page.locator("#scored")).to_have_text(", over the last 8,901 plays")
        for name in ("plays", "lag", "latency", "hits"):
            assert has_colour(page, name, (10, 107, 98)), name


def has_colour(page: Page, chart: str, colour: tuple[int, int, int]) -> bool:
    """Return whether a chart's canvas has a pixel of a colour."""
    script = """([name, colour]) => {
      const canvas = document.querySelector(`#chart-${name} canvas`);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255 && colour.every((value, band) => data[at + band] === value)) return true;
      }
      return false;
    }"""
    return bool(page.evaluate(script, [chart, list(colour)]))


def test_charts_follow_the_colour_scheme(browser: Browser, address: str) -> None:
    """Lines are drawn again in the colours of the dark page once the system turns dark."""
    with window(browser, address, expected=("willReadFrequently",)) as page:
        expect(page.locator("#connection")).to_have_text("live")
        wait_until(page, "document.querySelector('[data-column=p50_ms]').textContent.endsWith('ms')")
        assert not has_colour(page, "latency", (98, 208, 191))
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert has_colour(page, "latency", (98, 208, 191))


def test_operators_see_generations_workers_and_rejects(browser: Browser, address: str) -> None:
    """The generation in service, rejects and their reasons, silent workers, and partitions that wait."""
    with window(browser, address) as page:
        serving_now = page.locator(".generation", has_text=GENERATION)
        expect(serving_now).to_contain_text("in service")
        expect(serving_now).to_contain_text("hit@20 29.0 % (25.8 to 32.2)")
        expect(page.locator(".generation", has_text=REJECTED)).to_contain_text("rejected: worse")
        silent = page.locator(".worker", has_text="demo-2")
        expect(silent).to_contain_text("no pulse for 12 s")
        expect(silent).to_contain_text("partitions 4\N{EN DASH}7; sweeping: 6\N{EN DASH}7")
        expect(page.get_by_role("heading", name="Rejects 1,402")).to_be_visible()
        expect(page.locator("#rejects li").nth(1)).to_have_text(
            re.compile(r"\d\d:\d\d:00\s*0:17\s*The play has no user_id\.")
        )


def test_where_there_is_nothing_the_page_says_what_to_do(browser: Browser) -> None:
    """No play, no list, no generation, no worker, no reject: each place has a sentence of its own."""
    with serving(Feed(full=False), free_port()) as address, window(browser, address) as page:
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#chart-plays .empty")).to_contain_text("playfold replay FILE")
        for name, words in {
            "#chart-latency .empty": "No list was published in the last minutes: press a play button.",
            "#chart-hits .empty": "No play is scored yet",
            "#generations-empty": "No generation yet. playfold retrain trains the first one",
            "#workers-empty": "No worker has reported. playfold worker starts one",
            "#rejects-empty": "None. Invalid events go to plays-rejected",
            "#log-empty": "No plays yet. Press play",
        }.items():
            expect(page.locator(name)).to_be_visible()
            expect(page.locator(name)).to_contain_text(words)


def test_what_is_not_found_is_said(browser: Browser, address: str) -> None:
    """A search without a result says so, and where names come from."""
    with window(browser, address) as page:
        page.get_by_label("Item to play").fill("zzz")
        expect(page.locator("#search-note")).to_contain_text("No item matches “zzz”.")
