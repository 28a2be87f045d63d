"""One user's record: its bytes, and the plain view of them.

Layout, little-endian, every part a multiple of four bytes:

    header             48 bytes, `HEADER`
    item_keys          u64 x n_history, ordered by touched_at_play
    values             f32 x n_history
    touched_at_play    u32 x n_history
    last_played_s      u32 x n_history
    play_ids           u64 x n_play_ids, the latest last
    vector             f32 x factors

`state/user_records.py` reads and writes whole groups of records with arrays; this is its readable twin.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

FORMAT = 1

HEADER = np.dtype(
    [
        ("format", "u1"),
        ("reserved", "u1"),
        ("factors", "<u2"),
        ("n_history", "<u4"),
        ("applied_offset", "<i8"),
        ("generation_key", "<u8"),
        ("list_fingerprint", "<u8"),
        ("plays", "<u4"),
        ("last_played_s", "<u4"),
        ("listed_at_s", "<u4"),
        ("n_play_ids", "<u4"),
    ]
)

APPLIED_OFFSET = slice(8, 16)
"""Where the applied offset stands in a record's bytes."""

GENERATION_KEY = slice(16, 24)
"""Where the key of the vector's generation stands in a record's bytes."""

PLAYS = slice(32, 36)
"""Where the number of plays stands in a record's bytes."""

LISTED_AT = slice(40, 44)
"""Where the time of the list published last stands in a record's bytes; of a marker, when it was made."""

NOTHING_APPLIED = -1


FORGOTTEN_BYTES = HEADER.itemsize
"""Length of the record of a user who was forgotten: a marker without history, ids and vector.

It holds the applied offset, which outranks whatever a late worker writes, and in `listed_at_s` when it was made."""


class RecordFormatError(ValueError):
    """A user record is of a format that this version cannot read. Run the version that wrote it, or a later one."""


@dataclass
class HistoryEntry:
    """What a user's record knows of one item."""

    item_key: int
    value: float
    """Decayed plays, as of the play that touched it last."""
    touched_at_play: int
    """The user's own play number at which it was touched last, counted from 1."""
    last_played_s: int
    """Event time of its last play, in seconds since 1970."""


@dataclass
class UserRecord:
    """Everything that is kept of one user."""

    applied_offset: int = NOTHING_APPLIED
    """Last offset of the plays topic that this state contains."""
    plays: int = 0
    last_played_s: int = 0
    generation_key: int = 0
    """Key of the generation that the vector belongs to; 0: no vector."""
    list_fingerprint: int = 0
    """Fingerprint of the list published last; 0: none was."""
    listed_at_s: int = 0
    """Event time of the list published last, in seconds since 1970."""
    history: list[HistoryEntry] = field(default_factory=list)
    play_ids: list[int] = field(default_factory=list)
    vector: tuple[float, ...] = ()

    def encode(self) -> bytes:
        """Return the record's bytes."""
        header = np.zeros(1, HEADER)
        header["format"] = FORMAT
        header["factors"] = len(self.vector)
        header["n_history"] = len(self.history)
        header["n_play_ids"] = len(self.play_ids)
        for name in ("applied_offset", "generation_key", "list_fingerprint", "plays", "last_played_s", "listed_at_s"):
            header[name] = getattr(self, name)
        return b"".join(
            [
                header.tobytes(),
                np.array([entry.item_key for entry in self.history], "<u8").tobytes(),
                np.array([entry.value for entry in self.history], "<f4").tobytes(),
                np.array([entry.touched_at_play for entry in self.history], "<u4").tobytes(),
                np.array([entry.last_played_s for entry in self.history], "<u4").tobytes(),
                np.array(self.play_ids, "<u8").tobytes(),
                np.array(self.vector, "<f4").tobytes(),
            ]
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read a record.

        Raises:
            RecordFormatError: The bytes are of another format, or cut short.
        """
        check_format(value)
        header = np.frombuffer(value, HEADER, 1)[0]
        n, n_play_ids, factors = int(header["n_history"]), int(header["n_play_ids"]), int(header["factors"])
        at = HEADER.itemsize

        def take(kind: str, count: int) -> list[int] | list[float]:
            nonlocal at
            found = np.frombuffer(value, kind, count, at)
            at += found.nbytes
            return found.tolist()  # type: ignore[no-any-return]

        columns = (take("<u8", n), take("<f4", n), take("<u4", n), take("<u4", n))
        return cls(
            applied_offset=int(header["applied_offset"]),
            plays=int(header["plays"]),
            last_played_s=int(header["last_played_s"]),
            generation_key=int(header["generation_key"]),
            list_fingerprint=int(header["list_fingerprint"]),
            listed_at_s=int(header["listed_at_s"]),
            history=[
                HistoryEntry(int(key), float(worth), int(touched), int(played))
                for key, worth, touched, played in zip(*columns, strict=True)
            ],
            play_ids=[int(play_id) for play_id in take("<u8", n_play_ids)],
            vector=tuple(take("<f4", factors)),
        )


def check_format(value: bytes) -> None:
    """Check that bytes are a whole record of this format.

    Raises:
        RecordFormatError: They are not.
    """
    if len(value) < HEADER.itemsize or value[0] != FORMAT:
        message = f"A user record of {len(value)} bytes begins with {value[:1]!r}; this version reads format {FORMAT}."
        raise RecordFormatError(message)
    header = np.frombuffer(value, HEADER, 1)[0]
    body = 20 * int(header["n_history"]) + 8 * int(header["n_play_ids"]) + 4 * int(header["factors"])
    if len(value) != HEADER.itemsize + body:
        message = f"A user record is cut short: {len(value)} bytes where its header tells {HEADER.itemsize + body}."
        raise RecordFormatError(message)


def applied_offset_of(value: bytes) -> int:
    """Return the applied offset of a record without reading the rest."""
    return int.from_bytes(value[APPLIED_OFFSET], "little", signed=True)


def is_forgotten(value: bytes) -> bool:
    """Tell whether a record is the marker of a user who was forgotten."""
    return len(value) == FORGOTTEN_BYTES and not any(value[PLAYS])


def generation_key_of(value: bytes) -> int:
    """Return the key of the generation that a record's vector belongs to without reading the rest."""
    return int.from_bytes(value[GENERATION_KEY], "little")
