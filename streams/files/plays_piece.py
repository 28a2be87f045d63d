"""Plays of a file, a bounded number at a time."""

from typing import Any, NamedTuple

LEFT_OUT = "\0"
"""The type of a row that is not sent; no type of a file has this character."""


class PlaysPiece(NamedTuple):
    """Some plays of a file, as parallel lists."""

    first_row: int
    """Row of the first play in the file, counted from 1."""
    user_ids: list[str]
    item_ids: list[str]
    played_at_ms: list[int]
    ms_played: list[int | None]
    duration_ms: list[int | None]
    play_ids: list[str | None]
    types: list[str | None]
    """Types of the signals, None for a play."""

    @property
    def n_plays(self) -> int:
        """Return the number of plays."""
        return len(self.user_ids)

    def part(self, start: int, stop: int) -> "PlaysPiece":
        """Return the plays from `start` up to, not including, `stop`, counted from 0 within the piece."""
        columns: tuple[list[Any], ...] = self[1:]
        return PlaysPiece(self.first_row + start, *(column[start:stop] for column in columns))
