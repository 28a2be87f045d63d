"""Makes the record of a row by its type: a play, another signal, a user request, or none."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from streams.files.play_columns import LEFT_OUT, OnBadRow, PlaysPiece
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

    def __init__(
        self,
        signals: Collection[str] | None = None,
        set_aside: OnBadRow | None = None,
        *,
        sends_requests: bool = False,
    ) -> None:
        """Decide by type.

        Args:
            signals: The types that a signal may have; None for any type that is no user request.
            set_aside: Called with every row that is not sent.
            sends_requests: Whether a row with the type of a user request is one.
        """
        self._signals, self._set_aside, self._sends_requests = signals, set_aside, sends_requests

    def record(self, piece: PlaysPiece, row: int) -> bytes | None:
        """Return the record of a row, JSON; None if it is set aside."""
        kind = piece.types[row]
        if kind == LEFT_OUT:
            return None
        if kind is not None:
            if kind in WISHES:
                if self._sends_requests:
                    return _encode(_REQUESTS[kind](piece.user_ids[row], piece.item_ids[row]))
                self._leave_out(piece, row, NO_REQUEST)
                return None
            if self._signals is not None and kind not in self._signals:
                self._leave_out(piece, row, UNKNOWN_TYPE)
                return None
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

    def _leave_out(self, piece: PlaysPiece, row: int, reason: str) -> None:
        if self._set_aside is not None:
            content = {
                "user_id": piece.user_ids[row],
                "item_id": piece.item_ids[row],
                "played_at_ms": piece.played_at_ms[row],
                "type": piece.types[row],
            }
            self._set_aside(piece.first_row + row, reason, content)
