"""The live page for everybody: by keyboard, on a small screen, with a screen reader's eyes, without JavaScript."""

import itertools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from streams.kafka.ports import free_port
from tests.acceptance.page_feed import Feed, serving
from tests.acceptance.page_window import Scheme, violations, window

WIDTHS = (360, 1280)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture(params=["full", "empty"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve the page: with a listener's list after a play in a stream that runs, and with nothing at all."""
    with serving(Feed(full=request.param == "full"), free_port()) as served:
        yield f"{served}/?user=711" if request.param == "full" else f"{served}/"


@pytest.fixture
def running() -> Iterator[tuple[str, Feed]]:
    """Serve the page with a stream that runs."""
    feed = Feed(full=True)
    with serving(feed, free_port()) as served:
        yield served, feed


def settle(page: Page) -> None:
    """Wait until all is shown that can be: with a list, after a search and a play."""
    expect(page.locator("#connection")).to_have_text("live")
    if "user=" not in page.url:
        return
    page.get_by_label("Item to play").fill("the")
    page.locator("#found li").first.wait_for()
    page.get_by_role("button", name="Play Jackie Brown (1997)").click()
    expect(page.locator("#status")).to_contain_text("The list changed")
    expect(page.locator("#generations li")).to_have_count(4)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_is_shut_out(browser: Browser, address: str, scheme: Scheme, width: int) -> None:
    """Axe-core finds no violation, bright or dark, small or large, with everything on the page and with nothing."""
    with window(browser, address, width=width, scheme=scheme) as page:
        settle(page)
        assert [] == violations(page)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_is_shut_out_by_troubles(browser: Browser, running: tuple[str, Feed], scheme: Scheme) -> None:
    """Nor does it while the connection is lost, or a play was refused."""
    address, feed = running
    with window(browser, f"{address}/?user=711", scheme=scheme, expected=("503", "422")) as page:
        page.get_by_role("button", name="Play Good Will Hunting (1997)").click()
        expect(page.locator("#status")).to_contain_text("was not played")
        feed.status = 503
        feed.cut()
        expect(page.locator("#lost")).to_be_visible()
        assert [] == violations(page)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("wrong", [False, True])
def test_nobody_is_shut_out_of_logging_in(
    browser: Browser,
    running: tuple[str, Feed],
    wrong: bool,  # noqa: FBT001
    scheme: Scheme,
) -> None:
    """The form has a label and a hint, and reports a wrong token."""
    with window(browser, f"{running[0]}/login?wrong={wrong}", width=360, scheme=scheme) as page:
        field = page.get_by_label("Token")
        expect(field).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(int(wrong))
        assert ("/session", "post", "token") == tuple(
            field.evaluate("field => [field.form.getAttribute('action'), field.form.method, field.name]")
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [] == violations(page)


@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_nothing_lies_beyond_the_right_edge(browser: Browser, address: str, width: int) -> None:
    """There is no sideways scrolling, down to 320 pixels, with long titles and ids on the page."""
    with window(browser, address, width=width) as page:
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            "width => [...document.querySelectorAll('main *')].filter(found => !found.closest('.plot, .unseen')"
            " && found.getBoundingClientRect().right > width).map(found => found.className || found.tagName)",
            width,
        )
        assert [] == outside


def focused(page: Page) -> str:
    """Return the accessible name of the focused element."""
    name: str = page.evaluate(
        "() => { const at = document.activeElement;"
        " return at.getAttribute('aria-label') || at.id || at.textContent.trim(); }"
    )
    return name


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something has the focus, and see each time that the focus can be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert "none" != shown, f"{focused(page)} has the focus, and nobody can see it."
        if name == focused(page):
            return
    message = f"Tab never came to {name}."
    raise AssertionError(message)


def test_a_keyboard_is_enough(browser: Browser, running: tuple[str, Feed]) -> None:
    """Tab, letters and Enter choose a listener, find an item and play it; the focus can always be seen."""
    address, feed = running
    with window(browser, address) as page:
        expect(page.locator("#connection")).to_have_text("live")
        page.keyboard.press("Tab")
        assert "Skip to the list" == focused(page)
        assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
        tab_to(page, "user")
        page.keyboard.type("711")
        page.keyboard.press("Enter")
        expect(page.locator("#rows .row")).to_have_count(10)
        tab_to(page, "query")
        page.keyboard.type("titanic")
        page.locator("#found li").wait_for()
        tab_to(page, "Play Titanic (1997)")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("You played Titanic (1997). The list changed")
        tab_to(page, "Play Tomorrow Never Dies (1997)")
        page.keyboard.press("Space")
        expect(page.locator("#status")).to_contain_text("You played Tomorrow Never Dies (1997).")

    assert ["i9", "i2"] == [play["item_id"] for play in feed.plays]


def test_the_focus_outlives_the_row_that_was_played(browser: Browser, running: tuple[str, Feed]) -> None:
    """The played item leaves the list; the focus goes to the row at its place, and follows a row that moves."""
    with window(browser, f"{running[0]}/?user=711") as page:
        page.get_by_role("button", name="Play Jackie Brown (1997)").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("You played Jackie Brown (1997).")
        assert "Play As Good As It Gets (1997)" == focused(page)

        page.get_by_role("button", name="Play Wag the Dog (1997)").focus()
        page.evaluate(
            "() => fetch('/v1/plays', { method: 'POST', body: JSON.stringify({ user_id: '711', item_id: 'i7' }) })"
        )
        expect(page.locator("#rows .row").first).to_contain_text("Wag the Dog (1997)")
        assert "Play Wag the Dog (1997)" == focused(page)


def test_headings_and_landmarks_lead_through_the_page(browser: Browser, running: tuple[str, Feed]) -> None:
    """One first heading, no level left out, and a banner, a main part and a foot."""
    with window(browser, running[0]) as page:
        levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
            "found => found.map(each => Number(each.tagName[1]))"
        )
        assert 1 == levels[0]
        assert 1 == levels.count(1)
        assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
        for landmark in ("banner", "main", "contentinfo"):
            expect(page.get_by_role(landmark)).to_have_count(1)


def test_without_javascript_the_page_says_what_else_there_is(browser: Browser, running: tuple[str, Feed]) -> None:
    """Without scripts, the page names the commands that show the same."""
    with window(browser, f"{running[0]}/?user=711", java_script_enabled=False) as page:
        words = page.locator("noscript .notice")
        expect(words).to_be_visible()
        expect(words).to_contain_text("In a terminal, playfold recommend USER shows a list")
        expect(page.get_by_role("heading", name="The list of 711")).to_be_visible()
