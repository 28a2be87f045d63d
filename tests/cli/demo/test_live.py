"""The demo's figures of sent plays and received lists."""

import io
from typing import Any

from rich.console import Console

from cli.demo.live import LiveFigures
from cli.demo.view import show_figures, show_spotlight, summarize, tell_line
from streams.files.plays_piece import PlaysPiece
from streams.files.replay import Sent
from streams.messages.records import Recommendations
from streams.outbox import Written

PAST = [("ann", "x"), ("bob", "y")]


def piece_of(user_id: str, item_id: str) -> PlaysPiece:
    """Return one play."""
    nothing: list[Any] = [None]
    return PlaysPiece(1, [user_id], [item_id], [1_600_000_000_000], nothing, nothing, nothing, nothing)


def list_of(user_id: str, offset: int, items: list[str]) -> Recommendations:
    """Return a list on partition 0."""
    return Recommendations(
        user_id=user_id,
        kind="personal",
        generation="g",
        revision=0,
        partition=0,
        offset=offset,
        made_at_ms=0,
        expires_at_ms=1,
        items=items,
        scores=[0.0] * len(items),
    )


def play(figures: LiveFigures, user_id: str, item_id: str, offset: int, at: float) -> None:
    """Send a play that comes to stand at an offset of partition 0."""
    piece = piece_of(user_id, item_id)
    figures.before(piece, at)
    figures.after(piece, [Sent(0, [0], Written(offset, offset, unbroken=True))], at)


def test_a_play_is_judged_by_the_list_held_before_it() -> None:
    """The list that follows from the play comes too late to be a hit."""
    figures = LiveFigures(PAST)
    figures.take(list_of("ann", 1, ["p", "q"]), now=1.0)

    play(figures, "ann", "q", offset=2, at=2.0)
    figures.take(list_of("ann", 2, ["p", "r"]), now=2.01)
    play(figures, "ann", "z", offset=3, at=3.0)

    summary = summarize(figures, 3.0, whole=True)
    assert summary.hit_at_10 is not None
    assert 0.5 == summary.hit_at_10.value
    assert 2 == summary.judged
    assert 2 == summary.plays
    assert summary.p50_ms is not None
    assert 9 < summary.p50_ms < 11


def test_a_spotlight_shows_what_exactly_one_play_changed() -> None:
    """Before, after, and the moves."""
    figures = LiveFigures(PAST)
    figures.take(list_of("ann", 1, ["p", "q", "r"]), now=1.0)
    play(figures, "ann", "q", offset=2, at=2.0)
    figures.take(list_of("ann", 2, ["r", "p", "s"]), now=2.01)

    assert figures.spotlight is not None
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(show_spotlight(figures.spotlight, {"q": "The Film (1999)"}))

    shown = [[cell.strip() for cell in line.split("│")[1:5]] for line in console.export_text().splitlines()]
    assert ["1", "p", "r", "up 2"] in shown
    assert ["2", "played: The Film (1999)", "p", "down 1"] in shown
    assert ["3", "r", "s", "new"] in shown


def test_a_list_that_reflects_two_plays_is_no_spotlight() -> None:
    """Nor is one of a listener whose last play is still on its way."""
    figures = LiveFigures(PAST)
    figures.take(list_of("ann", 1, ["p"]), now=1.0)
    play(figures, "ann", "q", offset=2, at=2.0)
    figures.take(list_of("ann", 3, ["s"]), now=2.02)
    assert figures.spotlight is None

    play(figures, "ann", "t", offset=4, at=10.0)
    play(figures, "ann", "u", offset=5, at=20.0)
    figures.take(list_of("ann", 5, ["v"]), now=20.01)
    assert figures.spotlight is None


def test_the_figures_are_told_where_there_is_no_terminal() -> None:
    """One plain line; before the first play there is nothing to tell."""
    figures = LiveFigures(PAST)
    nothing = tell_line(summarize(figures, 1.0, whole=False))
    figures.take(list_of("ann", 1, ["p", "q"]), now=1.0)
    play(figures, "ann", "q", offset=2, at=2.0)
    figures.lag = 1234

    line = tell_line(summarize(figures, 2.0, whole=False))

    assert "play to list p50 -, p99 -; hit rate@10 of the listener's own list -, of the popular list -" in nothing
    assert line.startswith("1 plays, 1/s, lag 1,234; play to list p50 -")
    assert "own list 100.0 % (20.7 to 100.0), of the popular list 0.0 % (0.0 to 79.3), 1 plays judged" in line
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(show_figures(summarize(figures, 2.0, whole=True)))
    assert "100.0 % (20.7 to 100.0)" in console.export_text()
