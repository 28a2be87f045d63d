"""Makes the record of a row by its type: a play, another signal, a user request, or none."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from streams.files.play_columns import OnBadRow
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.messages.events import WISHES, Forget, Hide, Pause, Play, Resume, Shown, Unhide

NO_REQUEST = "rows whose type is a user request"
UNKNOWN_TYPE = "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name"
_encode = msgspec.json.Encoder().encode
_REQUESTS: dict[str, Callable[[str, str], Any]] = {
    "hide": lambda user_id, item_id: Hide(user_id=user_id, item_id=item_id),
    "unhide": lambda user_id, item_id: Unhide(user_id=user_id, item_id=item_id),
    "shown": lambda user_id, item_id: Shown(user_id=user_id, item_ids=[item_id]),
    "pause": lambda user_id, _: Pause(user_id=user_id),
    "resume": lambda user_id, _: Resume(user_id=user_id),
    "forget": lambda user_id, _: Forget(user_id=user_id),
}


class RowTypes:
    """Makes the record of a row.

    A player's events have types such as `pause` and `forget` too. So a row is a user request only if the caller asks.
    """

    def __init__(self, signals: Collection[str] | None = None, *, sends_requests: bool = False) -> None:
        """Decide by type.

        Args:
            signals: The types that a signal may have; None for any type that is no user request.
            sends_requests: Whether a row with the type of a user request is one.
        """
        self._signals, self._sends_requests = signals, sends_requests

    def fault_of(self, kind: str | None) -> str | None:
        """Return the reason for which a row of a type is not sent, None if it is."""
        if kind in WISHES:
            return None if self._sends_requests else NO_REQUEST
        is_known = kind is None or self._signals is None or kind in self._signals
        return None if is_known else UNKNOWN_TYPE

    def leave_out(self, pieces: Iterator[PlaysPiece], on_bad: OnBadRow) -> Iterator[PlaysPiece]:
        """Yield pieces as they come, and report their rows whose type is not sent; each gets the type `LEFT_OUT`."""
        for piece in pieces:
            for row, kind in enumerate(piece.types):
                if kind is None or kind == LEFT_OUT:
                    continue
                fault = self.fault_of(kind)
                if fault is not None:
                    on_bad(piece.first_row + row, fault, _content(piece, row))
                    piece.types[row] = LEFT_OUT
            yield piece

    def record(self, piece: PlaysPiece, row: int) -> bytes | None:
        """Return the record of a row, JSON; None for a row that is not sent."""
        kind = piece.types[row]
        if kind is not None:
            if kind == LEFT_OUT or self.fault_of(kind) is not None:
                return None
            if kind in WISHES:
                return _encode(_REQUESTS[kind](piece.user_ids[row], piece.item_ids[row]))
        return _encode(
            Play(
                user_id=piece.user_ids[row],
                item_id=piece.item_ids[row],
                played_at_ms=piece.played_at_ms[row],
                ms_played=piece.ms_played[row],
                duration_ms=piece.duration_ms[row],
                play_id=piece.play_ids[row],
                type=kind or "play",
            )
        )


def _content(piece: PlaysPiece, row: int) -> dict[str, Any]:
    return {
        "user_id": piece.user_ids[row],
        "item_id": piece.item_ids[row],
        "played_at_ms": piece.played_at_ms[row],
        "type": piece.types[row],
    }
