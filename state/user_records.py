"""Many user records as arrays: a group's records are read, changed and written without a Python object a play."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Flags, Keys, Starts
from model.history import Histories
from state.user_record import FORMAT, HEADER, PAUSED, WORDS_OF, RecordFormatError, UserRecord, upgraded

WORD = 4
HEADER_WORDS = HEADER.itemsize // WORD
NEW_USER = UserRecord().encode()
_CURRENT = bytes([FORMAT])
_UNREADABLE = f"A user record is not of formats 1 to {FORMAT}, or it is cut short."


class Ragged(NamedTuple):
    """Some values of each of `n` users, one user after the other."""

    starts: Starts  # (n + 1,): the values of user u are starts[u]:starts[u + 1]
    values: NDArray[Any]


class Shown(NamedTuple):
    """The items that were shown to each of `n` users and not played since, the latest last."""

    starts: Starts  # (n + 1,)
    item_keys: Keys
    shows: Counts
    at_play: Counts  # plays that the user had made when an item was shown last


@dataclass(slots=True)
class UserRecords:
    """The records of `n` users.

    Attributes:
        header: `HEADER` of every user, shape (n,); its counts are set when packed.
        histories: Every user's history.
        play_ids: Keys of the latest play ids, u64.
        hidden: Keys of the items that are never listed, u64.
        shown: The shown items.
        listed: Marks of the items of the list published last, u32.
        vectors: f32, shape (n, factors).
    """

    header: NDArray[np.void]
    histories: Histories
    play_ids: Ragged
    hidden: Ragged
    shown: Shown
    listed: Ragged
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.header)

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Tell of whom nothing is known and nothing is wished, shape (n,)."""
        header = self.header
        known = (header["plays"] > 0) | (header["flags"] & PAUSED > 0)
        for starts in (self.histories.starts, self.hidden.starts, self.shown.starts):
            known |= np.diff(starts) > 0
        blank: NDArray[np.bool_] = ~known
        return blank

    @property
    def ages_in_plays(self) -> Starts:
        """Return their users' plays since the entries of the histories were touched, shape (h,)."""
        plays_now = np.repeat(self.header["plays"].astype(np.int64), np.diff(self.histories.starts))
        ages: Starts = plays_now - self.histories.touched_at_play
        return ages


def unpack(values: Sequence[bytes | None], factors: int) -> UserRecords:
    """Read records; None stands for a user who has none yet.

    A vector of another length than `factors` belongs to another generation and reads as zeros.

    Raises:
        RecordFormatError: A record is of another format or cut short.
    """
    whole = [NEW_USER if value is None else value if value[:1] == _CURRENT else upgraded(value) for value in values]
    n_bytes = np.fromiter(map(len, whole), np.int64, len(whole))
    if (n_bytes % WORD).any() or (n_bytes < HEADER.itemsize).any():
        raise RecordFormatError(_UNREADABLE)
    n_words = n_bytes // WORD
    first = _starts(n_words)[:-1]
    words = np.frombuffer(b"".join(whole), np.uint32)
    header = _rows(words, first, HEADER_WORDS).view(HEADER)[:, 0]
    lengths = {name: header[name].astype(np.int64) for name in WORDS_OF}
    body = sum((length * WORDS_OF[name] for name, length in lengths.items()), np.zeros(len(whole), np.int64))
    if (header["format"] != FORMAT).any() or (HEADER_WORDS + body != n_words).any():
        raise RecordFormatError(_UNREADABLE)
    at = first + HEADER_WORDS

    def take(lengths: NDArray[np.int64], width: int, kind: type[Any]) -> NDArray[Any]:
        """Return the next part of every record."""
        nonlocal at
        if not lengths.any():
            return np.zeros(0, kind)
        found: NDArray[Any] = _ragged(words, at, width * lengths).view(kind)
        at = at + width * lengths
        return found

    n = lengths["n_history"]
    history = [take(n, 2, np.uint64), take(n, 1, np.float32), take(n, 1, np.uint32), take(n, 1, np.uint32)]
    play_ids = Ragged(_starts(lengths["n_play_ids"]), take(lengths["n_play_ids"], 2, np.uint64))
    hidden = Ragged(_starts(lengths["n_hidden"]), take(lengths["n_hidden"], 2, np.uint64))
    n_shown = lengths["n_shown"]
    shown = [take(n_shown, 2, np.uint64), take(n_shown, 1, np.uint32), take(n_shown, 1, np.uint32)]
    listed = Ragged(_starts(lengths["n_listed"]), take(lengths["n_listed"], 1, np.uint32))
    vectors = np.zeros((len(whole), factors), np.float32)
    fitting = np.flatnonzero(lengths["factors"] == factors)
    vectors[fitting] = _rows(words, at[fitting], factors).view(np.float32)
    return UserRecords(
        header.copy(),
        Histories(_starts(n), *history),
        play_ids,
        hidden,
        Shown(_starts(n_shown), *shown),
        listed,
        vectors,
    )


def pack(records: UserRecords) -> list[bytes]:
    """Write records, one value a user; a user without a generation has no vector in it."""
    header, histories, shown = records.header, records.histories, records.shown
    with_vector = header["generation_key"] != 0
    lengths = {
        "n_history": np.diff(histories.starts),
        "n_play_ids": np.diff(records.play_ids.starts),
        "n_hidden": np.diff(records.hidden.starts),
        "n_shown": np.diff(shown.starts),
        "n_listed": np.diff(records.listed.starts),
        "factors": np.where(with_vector, records.vectors.shape[1], 0),
    }
    header["format"] = FORMAT
    for name, length in lengths.items():
        header[name] = length
    starts = _starts(
        sum((length * WORDS_OF[name] for name, length in lengths.items()), np.full(len(header), HEADER_WORDS))
    )
    first = starts[:-1]
    words = np.empty(starts[-1], np.uint32)
    words[first[:, None] + np.arange(HEADER_WORDS)] = _words(header)
    at = first + HEADER_WORDS
    parts: list[tuple[str, NDArray[Any]]] = [
        *(("n_history", column) for column in histories[1:]),
        ("n_play_ids", records.play_ids.values),
        ("n_hidden", records.hidden.values),
        *(("n_shown", column) for column in shown[1:]),
        ("n_listed", records.listed.values),
    ]
    for name, column in parts:
        if len(column):
            length = lengths[name] * (column.itemsize // WORD)
            words[_positions(at, length)] = column.view(np.uint32)
            at = at + length
    words[at[with_vector][:, None] + np.arange(records.vectors.shape[1])] = records.vectors[with_vector].view(np.uint32)
    packed, bounds = words.tobytes(), (starts * WORD).tolist()
    return [packed[low:high] for low, high in pairwise(bounds)]


def without(emptied: Flags, starts: Starts, *columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Return compressed rows of which some are emptied: where they begin, and their columns.

    >>> [found.tolist() for found in without(np.array([True, False]), np.array([0, 1, 3]), np.array([7, 8, 9]))]
    [[0, 0, 2], [8, 9]]
    """
    lengths = np.diff(starts)
    kept = ~np.repeat(emptied, lengths)
    return [np.concatenate(([0], np.cumsum(np.where(emptied, 0, lengths)))), *(column[kept] for column in columns)]


def new_users(n: int, factors: int) -> UserRecords:
    """Return the records of users of whom nothing is known."""
    return unpack([None] * n, factors)


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _positions(first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `first[i], first[i] + 1, ...`, `lengths[i]` of them for every i, one after the other."""
    starts = _starts(lengths)
    return np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])


def _ragged(words: NDArray[np.uint32], first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint32]:
    return words[_positions(first, lengths)]


def _words(header: NDArray[np.void]) -> NDArray[np.uint32]:
    words: NDArray[np.uint32] = np.ascontiguousarray(header).view(np.uint32).reshape(len(header), HEADER_WORDS)
    return words


def _rows(words: NDArray[np.uint32], first: NDArray[np.int64], n_words: int) -> NDArray[np.uint32]:
    rows: NDArray[np.uint32] = words[first[:, None] + np.arange(n_words)]
    return rows
