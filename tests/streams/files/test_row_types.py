"""The type of a row decides its record."""

from typing import Any

import pytest

from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.files.row_types import RowTypes
from streams.messages.events import WISHES, Play, read_event

AT_MS = 1_600_000_000_000
SIGNALS = {"play", "like"}


def piece_of(kind: str | None) -> PlaysPiece:
    """Return one row of a type."""
    return PlaysPiece(7, ["ann"], ["x"], [AT_MS], [None], [None], ["p"], [kind])


@pytest.mark.parametrize("kind", [None, "play", "like"])
def test_a_signal_is_sent_as_it_is(kind: str | None) -> None:
    """A row without a type is a play."""
    value = RowTypes(SIGNALS).record(piece_of(kind), 0)

    expected = Play(user_id="ann", item_id="x", played_at_ms=AT_MS, play_id="p", type=kind or "play")
    assert expected == read_event(b"ann", value, 4096, SIGNALS)


@pytest.mark.parametrize("kind", [*sorted(WISHES), "stop", "seek"])
def test_a_players_event_is_set_aside(kind: str) -> None:
    """A file of a player's events neither stops learning nor deletes a history."""
    aside: list[Any] = []
    types = RowTypes(SIGNALS)

    (piece,) = types.leave_out(iter([piece_of(kind)]), lambda *row: aside.append(row))

    assert [LEFT_OUT] == piece.types
    assert None is types.record(piece_of(kind), 0)
    reason = "rows whose type is a user request"
    if kind not in WISHES:
        reason = "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name"
    assert [(7, reason, {"user_id": "ann", "item_id": "x", "played_at_ms": AT_MS, "type": kind})] == aside


def test_a_row_that_is_left_out_is_not_sent() -> None:
    """It was reported when the file was read, and is not reported again."""
    (piece,) = RowTypes().leave_out(iter([piece_of(LEFT_OUT)]), lambda *row: pytest.fail(str(row)))

    assert None is RowTypes().record(piece, 0)


@pytest.mark.parametrize("kind", sorted(WISHES))
def test_a_user_request_is_sent_if_the_caller_asks(kind: str) -> None:
    """Without the fields of a play, so that workers accept it."""
    value = RowTypes(SIGNALS, sends_requests=True).record(piece_of(kind), 0)

    event = read_event(b"ann", value, 4096, SIGNALS)
    assert kind == event.__struct_config__.tag
    assert "x" == getattr(event, "item_id", "x")
