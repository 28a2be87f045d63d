"""One user's record: its bytes, and the plain view of them.

Layout, little-endian, every part a multiple of four bytes:

    header             68 bytes, `HEADER`
    item_keys          u64 x n_history, of every signal, in the order in which they came
    values             f32 x n_history, undecayed weights, below 0 for confidence in "no"
    touched_at_play    u32 x n_history
    last_played_s      u32 x n_history
    play_ids           u64 x n_play_ids, the latest last
    hidden             u64 x n_hidden, the latest last
    shown_keys         u64 x n_shown, the latest last
    shows              u32 x n_shown
    shown_at_play      u32 x n_shown
    listed             u32 x n_listed, best first
    days               u32 x n_days, a day since 1970 << 16 | its signals, at most 65,535; the latest counted last
    vector             f32 x factors

Format 1 had a header of 48 bytes, eight of them a fingerprint of the list published last, and nothing between play_ids
and vector. Formats 1 and 2 had one entry for all signals of an item and sign: their decayed sum as of the last one.
`upgraded` turns both into format 3, where such an entry counts as one signal of that weight, made at that moment.
Format 3 had no days behind the header's, and `n_days` was reserved, so a record of it is one of format 4 without them.

`state/users/record_batch.py` reads and writes whole groups of records with arrays; this is its readable twin.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

FORMAT = 4

HEADER = np.dtype(
    [
        ("format", "u1"),
        ("flags", "u1"),
        ("factors", "<u2"),
        ("n_history", "<u4"),
        ("applied_offset", "<i8"),
        ("generation_key", "<u8"),
        ("plays", "<u4"),
        ("last_played_s", "<u4"),
        ("listed_at_s", "<u4"),
        ("n_play_ids", "<u4"),
        ("listed_at_ms", "<i8"),
        ("day", "<u4"),
        ("day_signals", "<u4"),
        ("list_score", "<f4"),
        ("n_hidden", "<u2"),
        ("n_shown", "<u2"),
        ("n_listed", "<u2"),
        ("n_days", "<u2"),
    ]
)

NOTHING_APPLIED = -1

WORDS_OF = {"n_history": 5, "n_play_ids": 2, "n_hidden": 2, "n_shown": 4, "n_listed": 1, "n_days": 1, "factors": 1}
"""Four-byte words per entry of every part."""

PAUSED, OWED = 1, 2
"""Bits of the flags: nothing is learnt from the user's signals; their list has changed and is not published yet."""

_PLAIN_FIELDS = (
    "applied_offset",
    "generation_key",
    "plays",
    "last_played_s",
    "listed_at_s",
    "listed_at_ms",
    "day",
    "day_signals",
    "list_score",
)
"""Fields that stand in the header under their own names."""

_PARTS = "history", "play_ids", "hidden", "shown", "listed", "days"
CURRENT = bytes([FORMAT])
OF_SAME_LAYOUT = b"\x02", b"\x03"
"""Formats whose records differ from the present format in their first byte alone."""

_FORMAT_1_BYTES, _FORMAT_1_FINGERPRINT = 48, slice(24, 32)


class RecordFormatError(ValueError):
    """A user record is of a format that this version cannot read. Run the version that wrote it, or a later one."""


@dataclass
class HistoryEntry:
    """One signal of a user."""

    item_key: int
    value: float
    """Its undecayed weight; below 0 for confidence in "no"."""
    touched_at_play: int
    """How many plays the user had made when it came."""
    last_played_s: int
    """Its event time, in seconds since 1970."""


@dataclass
class ShownItem:
    """An item that was shown to a user, and not played since."""

    item_key: int
    shows: int
    at_play: int
    """How many plays the user had made when it was shown last."""


@dataclass
class DaySignals:
    """The signals of a user that were learnt from a day of event time, in days since 1970."""

    day: int
    signals: int


@dataclass
class UserRecord:
    """Everything that is stored of one user."""

    applied_offset: int = NOTHING_APPLIED
    """Last offset of the plays topic that this state contains."""
    plays: int = 0
    last_played_s: int = 0
    generation_key: int = 0
    """Key of the generation that the vector belongs to; 0: no vector."""
    listed_at_s: int = 0
    """Event time of the list published last, in seconds since 1970."""
    listed_at_ms: int = 0
    """When that list was made by the worker's clock, in milliseconds since 1970."""
    list_score: float = 0.0
    """Mean score of the first items of that list."""
    paused: bool = False
    """Nothing is learnt from the user's signals."""
    owed: bool = False
    """Their list has changed since, and is not published yet."""
    day: int = 0
    """The day of event time of the signal counted last, in days since 1970."""
    day_signals: int = 0
    """Signals learnt from that day."""
    history: list[HistoryEntry] = field(default_factory=list)
    play_ids: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    """Keys of items that the user never wants to see in a list."""
    shown: list[ShownItem] = field(default_factory=list)
    listed: list[int] = field(default_factory=list)
    """The items of the list published last, best first, each by its `MARK`."""
    days: list[DaySignals] = field(default_factory=list)
    """Other days of event time, the one counted last at the end."""
    vector: tuple[float, ...] = ()

    def encode(self) -> bytes:
        """Return the record's bytes."""
        header = np.zeros(1, HEADER)
        header["format"] = FORMAT
        header["factors"] = len(self.vector)
        header["flags"] = PAUSED * self.paused | OWED * self.owed
        for name in _PARTS:
            header[f"n_{name}"] = len(getattr(self, name))
        for name in _PLAIN_FIELDS:
            header[name] = getattr(self, name)
        return b"".join(
            [
                header.tobytes(),
                np.array([entry.item_key for entry in self.history], "<u8").tobytes(),
                np.array([entry.value for entry in self.history], "<f4").tobytes(),
                np.array([entry.touched_at_play for entry in self.history], "<u4").tobytes(),
                np.array([entry.last_played_s for entry in self.history], "<u4").tobytes(),
                np.array(self.play_ids, "<u8").tobytes(),
                np.array(self.hidden, "<u8").tobytes(),
                np.array([item.item_key for item in self.shown], "<u8").tobytes(),
                np.array([item.shows for item in self.shown], "<u4").tobytes(),
                np.array([item.at_play for item in self.shown], "<u4").tobytes(),
                np.array(self.listed, "<u4").tobytes(),
                np.array([day.day << 16 | day.signals for day in self.days], "<u4").tobytes(),
                np.array(self.vector, "<f4").tobytes(),
            ]
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read a record.

        Raises:
            RecordFormatError: The bytes are of another format, or cut short.
        """
        value = upgraded(value)
        check_format(value)
        header = np.frombuffer(value, HEADER, 1)[0]
        counts = {name: int(header[f"n_{name}"]) for name in _PARTS}
        at = HEADER.itemsize

        def take(kind: str, count: int) -> list[Any]:
            nonlocal at
            column = np.frombuffer(value, kind, count, at)
            at += column.nbytes
            return list(column.tolist())

        entries = [take(kind, counts["history"]) for kind in ("<u8", "<f4", "<u4", "<u4")]
        play_ids, hidden = take("<u8", counts["play_ids"]), take("<u8", counts["hidden"])
        shown = [take(kind, counts["shown"]) for kind in ("<u8", "<u4", "<u4")]
        return cls(
            **{name: header[name].item() for name in _PLAIN_FIELDS},
            paused=bool(header["flags"] & PAUSED),
            owed=bool(header["flags"] & OWED),
            history=[HistoryEntry(*entry) for entry in zip(*entries, strict=True)],
            play_ids=play_ids,
            hidden=hidden,
            shown=[ShownItem(*item) for item in zip(*shown, strict=True)],
            listed=take("<u4", counts["listed"]),
            days=[DaySignals(day >> 16, day & 0xFFFF) for day in take("<u4", counts["days"])],
            vector=tuple(take("<f4", int(header["factors"]))),
        )


def upgraded(value: bytes) -> bytes:
    """Convert a record of an older format to this one; return any other bytes unchanged.

    An entry of an older format is the decayed sum of an item's signals as of the last one. It is read as one signal of
    that weight: under the half-lives that it was summed with, that is exact.
    """
    if value[:1] in OF_SAME_LAYOUT:
        return CURRENT + value[1:]
    if value[:1] != b"\x01" or len(value) < _FORMAT_1_BYTES:
        return value
    header = value[1 : _FORMAT_1_FINGERPRINT.start] + value[_FORMAT_1_FINGERPRINT.stop : _FORMAT_1_BYTES]
    return (CURRENT + header).ljust(HEADER.itemsize, b"\x00") + value[_FORMAT_1_BYTES:]


def check_format(value: bytes) -> None:
    """Check that bytes are a whole record of this format.

    Raises:
        RecordFormatError: The bytes are of another format, or cut short.
    """
    if len(value) < HEADER.itemsize or value[0] != FORMAT:
        message = (
            f"A user record of {len(value)} bytes begins with {value[:1]!r}; this version reads formats 1 to {FORMAT}."
        )
        raise RecordFormatError(message)
    header = np.frombuffer(value, HEADER, 1)[0]
    words = sum(count * int(header[name]) for name, count in WORDS_OF.items())
    body = 4 * words
    if len(value) != HEADER.itemsize + body:
        message = f"A user record is cut short: {len(value)} bytes where its header tells {HEADER.itemsize + body}."
        raise RecordFormatError(message)
