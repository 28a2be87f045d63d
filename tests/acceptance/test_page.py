"""The live page in a real browser: a listener is chosen, something is played, and their list moves."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.page_events import GENERATION, HOSTILE, list_of
from tests.acceptance.page_feed import Feed
from tests.acceptance.page_window import wait_until, window

PATIENCE_MS = 5000


def titles(page: Page) -> list[str]:
    """Return the titles of the list as it is shown."""
    return page.locator("#rows .title").all_inner_texts()


def search(page: Page, words: str) -> None:
    """Search an item and wait until something is found."""
    page.get_by_label("Item to play").fill(words)
    page.locator("#found li").first.wait_for()


def test_choosing_a_listener_shows_their_list(browser: Browser, address: str) -> None:
    """The field suggests listeners with a list; the list shows rank, title, artist, reasons, time and generation."""
    with window(browser, address) as page:
        expect(page.locator("#steps")).to_be_visible()
        page.get_by_label("Listener", exact=True).fill("71")
        expect(page.locator("#listeners option")).to_have_count(2)
        page.get_by_label("Listener", exact=True).fill("711")
        page.get_by_role("button", name="Show list").click()

        expect(page.get_by_role("heading", name="The list of 711")).to_be_visible()
        expect(page.locator("#rows .row")).to_have_count(10)
        row = page.locator("#rows .row").nth(5)
        expect(row.locator(".rank")).to_have_text("6")
        expect(row.locator(".title")).to_have_text("Mrs. Brown (Her Majesty, Mrs. Brown) (1997)")
        expect(row.locator(".artist")).to_have_text("Director 6")
        expected = "because you played Titanic (1997)\u00a037 %, in spite of Gattaca (1997)\u00a0\N{MINUS SIGN}12 %"
        assert expected == row.locator(".why").inner_text()
        expect(page.locator("#took")).to_have_text("12 ms from play to list")
        expect(page.locator("#facts")).to_contain_text(f"{GENERATION} revision 0")
        expect(page.locator("#steps")).to_be_hidden()
        assert page.url == f"{address}/?user=711"


def test_a_play_moves_the_list_and_tells_what_changed(browser: Browser, address: str, feed: Feed) -> None:
    """The play goes out; entries say how they moved; one sentence in a live region sums it up, and the log times it."""
    with window(browser, f"{address}/?user=711") as page:
        page.get_by_role("button", name="Play Jackie Brown (1997)").click()

        status = page.locator("#status")
        changes = "1 new, 4 up, 1 down; Jackie Brown (1997) left."
        expect(status).to_have_text(f"You played Jackie Brown (1997). The list changed after 12 ms: {changes}")
        assert "polite" == status.get_attribute("aria-live")
        assert ["Tomorrow Never Dies (1997)", "Wag the Dog (1997)"] == titles(page)[:2]
        assert ["up 1", "down 1"] == page.locator("#rows .move").all_inner_texts()[:2]
        expect(page.locator("#rows .row", has_text="Dangerous Beauty").locator(".move")).to_have_text("new")
        expect(page.locator("#left")).to_have_text(re.compile(r"Left the list\s*Jackie Brown \(1997\) was 3"))
        expect(page.locator("#log li")).to_have_text(
            re.compile(r"Jackie Brown.*list 12 ms, on this page \d+ ms; 1 new")
        )

    (play,) = feed.plays
    assert {"user_id": "711", "item_id": "i3", "played_at_ms": play["played_at_ms"]} == play


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_rows_travel_unless_motion_is_unwanted(browser: Browser, address: str, motion: str, moves: bool) -> None:  # noqa: FBT001
    """A row that stays is animated from its old place, or moved at once if the system asks for reduced motion."""
    with window(browser, f"{address}/?user=711", reduced_motion=motion) as page:
        expect(page.locator("#rows .row")).to_have_count(10)
        page.evaluate(
            "() => { window.moved = 0; const animate = Element.prototype.animate; Element.prototype.animate ="
            " function (...given) { window.moved += 1; return animate.apply(this, given); }; }"
        )
        page.get_by_role("button", name="Play Jackie Brown (1997)").click()
        expect(page.locator("#status")).to_contain_text("The list changed")
        assert moves == (page.evaluate("window.moved") > 0)


def test_a_new_listener_gets_a_first_list(browser: Browser, address: str, feed: Feed) -> None:
    """An id is made up, the page says how to begin, and the first play brings the first list."""
    with window(browser, address) as page:
        page.get_by_role("button", name="Play as a new listener").click()
        field = page.get_by_label("Listener", exact=True)
        expect(field).to_have_value(re.compile(r"^visitor-[2-9a-z]{4}$"))
        user = field.input_value()
        expect(page.locator("#list-empty")).to_contain_text(f"{user} has no list yet.")
        search(page, "titanic")
        page.locator("#found").get_by_role("button", name="Play Titanic (1997)").click()
        expect(page.locator("#status")).to_have_text("You played Titanic (1997). The first list arrived after 12 ms.")
        expect(page.locator("#rows .row")).to_have_count(10)
        expect(page.locator("#list-empty")).to_be_hidden()

    assert [user] == [play["user_id"] for play in feed.plays]


def test_who_plays_without_a_listener_is_a_new_one(browser: Browser, address: str, feed: Feed) -> None:
    """Nobody has to choose first: a play makes a visitor."""
    with window(browser, address) as page:
        search(page, "gattaca")
        page.locator("#found").get_by_role("button").click()
        expect(page.get_by_role("heading", name="The list of visitor-")).to_be_visible()
        expect(page.locator("#status")).to_contain_text("The first list arrived")

    assert feed.plays[0]["user_id"].startswith("visitor-")


def test_going_back_shows_the_listener_before(browser: Browser, address: str) -> None:
    """The address names the listener, and the browser's history works."""
    with window(browser, f"{address}/?user=711") as page:
        page.get_by_label("Listener", exact=True).fill("712")
        page.keyboard.press("Enter")
        expect(page.locator("#rows .title").first).to_have_text("Good Will Hunting (1997)")
        page.go_back()
        expect(page.get_by_role("heading", name="The list of 711")).to_be_visible()
        expect(page.locator("#rows .title").first).to_have_text("Wag the Dog (1997)")


def test_the_whole_list_can_be_shown(browser: Browser, address: str) -> None:
    """Ten entries stand there at first; a button shows all, and says whether it does."""
    with window(browser, f"{address}/?user=711") as page:
        page.get_by_role("button", name="Show all 15", expanded=False).click()
        expect(page.locator("#rows .row")).to_have_count(15)
        page.get_by_role("button", name="Show the first 10", expanded=True).click()
        expect(page.locator("#rows .row")).to_have_count(10)


def test_the_reasons_of_an_item_further_down_come_on_request(browser: Browser, address: str, feed: Feed) -> None:
    """The list does not name them: the row asks the gateway once, and a refused request can be sent again."""
    with window(browser, f"{address}/?user=711", expected=("503",)) as page:
        page.get_by_role("button", name="Show all 15").click()
        row = page.locator("#rows .row").nth(14)
        feed.busy = True
        row.get_by_text("Why?").click()
        expect(row.locator(".why p")).to_have_text("2 requests read whole topics already. Try again in 5 s.")
        feed.busy = False
        for _ in range(4):
            row.get_by_text("Why?").click()
        expected = "because you played Titanic (1997)\u00a040 %, in spite of x\u00a0\N{MINUS SIGN}20 %"
        expect(row.locator(".why p")).to_have_text(expected)
        expect(page.locator("#rows .row").nth(11).locator("details")).to_have_count(0)
        assert 2 == page.locator("#rows details").count()

    assert [("711", "i15"), ("711", "i15")] == feed.explained


def test_text_from_outside_stays_text(browser: Browser, address: str) -> None:
    """Markup in a title, a reason or a listener's id is shown as it is written, and nothing of it runs."""
    with window(browser, f"{address}/?user={HOSTILE}") as page:
        expect(page.get_by_role("heading", name=f"The list of {HOSTILE}")).to_be_visible()
        search(page, "<img")
        page.locator("#found").get_by_role("button", name=f"Play {HOSTILE}").click()
        expect(page.locator("#status")).to_contain_text(f"You played {HOSTILE}.")
        expect(page.locator("#log")).to_contain_text(HOSTILE)
        expect(page.locator("#rejects")).to_contain_text(HOSTILE)
        page.get_by_role("button", name="Show all").click()
        expect(page.locator("#rows")).to_contain_text(f"because you played {HOSTILE}")
        assert 0 == page.locator("img").count()


def test_a_refused_play_says_why(browser: Browser, address: str) -> None:
    """The gateway's own words stand in the sentence and in the log."""
    with window(browser, f"{address}/?user=711", expected=("422",)) as page:
        page.get_by_role("button", name="Play Good Will Hunting (1997)").click()
        expect(page.locator("#status")).to_have_text("Good Will Hunting (1997) was not played. The item is refused.")
        expect(page.locator("#log li")).to_contain_text("The item is refused.")


@pytest.mark.parametrize(
    ("full", "words"),
    [
        (True, "The list is unchanged: this play did not change it, or its list has not arrived yet."),
        (False, "No worker is running: the play waits on the topic until one starts (“playfold worker”)."),
    ],
)
def test_a_play_without_a_list_is_explained(browser: Browser, address: str, feed: Feed, full: bool, words: str) -> None:  # noqa: FBT001
    """After a while without a new list, the page shows the possible reason."""
    feed.learns, feed.full = False, full
    with window(browser, f"{address}/?user=711") as page:
        page.get_by_role("button", name="Play Jackie Brown (1997)").click()
        expect(page.locator("#log li")).to_contain_text("is in Kafka; waiting for the list")
        expect(page.locator("#status")).to_have_text(
            f"You played Jackie Brown (1997). {words}", timeout=2 * PATIENCE_MS
        )


@pytest.mark.parametrize("status", [200, 503])
def test_a_lost_connection_is_said_and_opened_again(browser: Browser, address: str, feed: Feed, status: int) -> None:
    """A stream that ends or is refused: the page says so, comes back, and moves the list from where it was."""
    with window(browser, f"{address}/?user=711", expected=("503", "ERR_")) as page:
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#rows .row").first).to_be_visible()  # moves are told against the list that was shown
        page.evaluate(
            "() => { window.states = []; new MutationObserver(() => window.states.push(document.querySelector("
            "'#connection').textContent)).observe(document.querySelector('#connection'), { childList: true }); }"
        )
        feed.status = status
        feed.cut()
        wait_until(page, "window.states.includes('connection lost')")
        if status != 200:
            expect(page.locator("#lost")).to_contain_text("The connection to the gateway is lost.")
            for _ in range(200):  # a browser gives up at the first refusal; the page goes on
                page.wait_for_timeout(20)
                if feed.n_refused >= 2:
                    break
            assert feed.n_refused >= 2
        feed.lists["711"] = list_of("711", [2, 1, 3], None, plays=35, offset=16)
        feed.status = 200
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#rows .move")).to_have_text(["up 1", "down 1", "as before"])
        expect(page.locator("#lost")).to_be_hidden()
        page.get_by_role("button", name="Play Jackie Brown (1997)").click()
        expect(page.locator("#status")).to_contain_text("The list changed")


def test_who_is_logged_out_is_told(browser: Browser, address: str, feed: Feed) -> None:
    """A stream that wants the token again is not tried for ever; the page offers to log in."""
    with window(browser, f"{address}/?user=711", expected=("401",)) as page:
        expect(page.locator("#connection")).to_have_text("live")
        feed.status = 401
        feed.cut()
        expect(page.locator("#ended")).to_contain_text("You are logged out. Log in again to continue.")
        expect(page.locator("#lost")).to_be_hidden()
