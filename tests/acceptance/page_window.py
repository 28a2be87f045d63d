"""A window on the page in a real browser; it records console errors and requests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it carries no annotations
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect

from tests.support.patience import stretched

Scheme = Literal["light", "dark"]
TIMEOUT_MS, PATIENCE_MS, EXPECT_MS = 10_000, 20_000, 5_000


class Complaints:
    """The complaints of the browser that fail a test."""

    def __init__(self, page: Page, host: str) -> None:
        """Listen to a page that may talk to `host` alone."""
        self.found: list[str] = []
        self._host = host
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("dialog", self._on_dialog)
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"{message.type}: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self.found.append(f"request: {request.url}")


def wait_until(page: Page, condition: str) -> None:
    """Wait until an expression is true; Playwright's own waiting evaluates strings, which the page's policy forbids.

    Raises:
        TimeoutError: It was not within ten seconds of a machine with a free core.
    """
    end_s = time.monotonic() + stretched(TIMEOUT_MS) / 1000
    while not page.evaluate(condition):
        if time.monotonic() > end_s:
            message = f"The page never came to {condition}."
            raise TimeoutError(message)
        page.wait_for_timeout(20)


def violations(page: Page) -> list[str]:
    """Return the violations that axe-core reports of WCAG 2.2 AA and its best practices, while nothing moves."""
    page.emulate_media(reduced_motion="reduce")  # lists that change later appear at once
    wait_until(page, "document.getAnimations().length === 0")  # what appears has no contrast yet
    violated = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in violated for node in each["nodes"]]


@contextmanager
def window(
    browser: Browser,
    address: str,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    expected: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[Page]:
    """Open an address; after the block, check that the browser complained of nothing but `expected`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    context.set_default_timeout(stretched(TIMEOUT_MS))
    expect.set_options(timeout=stretched(EXPECT_MS))
    page = context.new_page()
    complaints = Complaints(page, urlsplit(address).netloc)
    try:
        page.goto(address)
        yield page
        unexpected = [complaint for complaint in complaints.found if not any(words in complaint for words in expected)]
        assert not unexpected, unexpected
    finally:
        context.close()


def titles(page: Page) -> list[str]:
    """Return the titles of the list as it is shown."""
    return page.locator("#rows .title").all_inner_texts()


def third_title(page: Page) -> str:
    """Return the third title of the list, once there is a list."""
    expect(page.locator("#rows .row").first).to_be_visible(timeout=PATIENCE_MS)
    return titles(page)[2]


def press_play(page: Page, title: str) -> None:
    """Play a title of the list, and wait until the list changed."""
    page.get_by_role("button", name=f"Play {title}").first.click()
    expect(page.locator("#status")).to_contain_text("The list changed", timeout=PATIENCE_MS)
