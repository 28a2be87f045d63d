"""Many user records as arrays: a group's records are read, changed and written without a Python object per play."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Flags, Keys, Starts, as_own_array, lengths_of, starts_of
from model.history import Histories
from model.ragged import Ragged, RaggedKeys, RaggedMarks
from state.users.record import FORMAT, HEADER, RecordFormatError, UserRecord, upgraded
from state.users.record_columns import HEADER_WORDS, KIND_OF, WORD, Lengths, Words, cut, is_blank, join

NEW_USER = UserRecord().encode()
_CURRENT = bytes([FORMAT])
_UNREADABLE = f"A user record is not of formats 1 to {FORMAT}, or it is cut short."


@dataclass(frozen=True, slots=True, eq=False)
class Shown(Ragged):
    """The items that were shown to each of `n` users and not played since, the latest last.

    Attributes:
        item_keys: The items.
        shows: How often each was shown.
        at_play: Plays that the user had made when an item was shown last.
    """

    item_keys: Keys
    shows: Counts
    at_play: Counts


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
        days: Other days of event time with their signals, as in the record, u32.
        vectors: f32, shape (n, factors).
    """

    header: NDArray[np.void]
    histories: Histories
    play_ids: RaggedKeys
    hidden: RaggedKeys
    shown: Shown
    listed: RaggedMarks
    days: RaggedMarks
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.header)

    @property
    def blank(self) -> Flags:
        """True for every user without plays, signals, hidden and shown items, and without a pause, shape (n,)."""
        starts = self.histories.starts, self.hidden.starts, self.shown.starts
        blank: Flags = is_blank(self.header, *(as_own_array(bounds, np.int64) for bounds in starts))
        return blank

    @property
    def ages_in_plays(self) -> Starts:
        """Return their users' plays since the entries of the histories were touched, shape (h,)."""
        plays_now = self.header["plays"].astype(np.int64).repeat(lengths_of(self.histories.starts))
        ages: Starts = plays_now - self.histories.touched_at_play
        return ages


def unpack(values: Sequence[bytes | None], factors: int) -> UserRecords:
    """Read records; None stands for a new user.

    A vector of another length than `factors` belongs to another generation and reads as zeros.

    Raises:
        RecordFormatError: A record is of another format or cut short.
    """
    vectors = np.zeros((len(values), factors), np.float32)
    columns, places, parts = cut(*_words_of(values), vectors)
    if not len(places):
        raise RecordFormatError(_UNREADABLE)
    keys, weights, touched, played, ids, hidden, shown, shows, at_play, listed, days = (
        columns[first:end].view(kind) for (first, end), kind in zip(places.tolist(), KIND_OF, strict=True)
    )
    return UserRecords(
        columns[: len(values) * HEADER_WORDS].view(HEADER),
        Histories(parts[0], keys, weights, touched, played),
        RaggedKeys(parts[1], ids),
        RaggedKeys(parts[2], hidden),
        Shown(parts[3], shown, shows, at_play),
        RaggedMarks(parts[4], listed),
        RaggedMarks(parts[5], days),
        vectors,
    )


def _words_of(values: Sequence[bytes | None]) -> tuple[Words, Lengths]:
    """Return the words of records, and the bounds of each.

    Raises:
        RecordFormatError: A record has no whole number of words.
    """
    whole = [NEW_USER if value is None else value if value[:1] == _CURRENT else upgraded(value) for value in values]
    bounds = [0, *accumulate(map(len, whole))]
    if any(place % WORD for place in bounds):
        raise RecordFormatError(_UNREADABLE)
    return np.frombuffer(b"".join(whole), np.uint32), np.array(bounds) // WORD


def pack(records: UserRecords) -> list[bytes]:
    """Serialize records, one value per user; without a generation, without a vector."""
    histories, shown = records.histories, records.shown
    header = as_own_array(records.header, HEADER).view(np.uint32).reshape(len(records), HEADER_WORDS)
    words, bounds = join(
        header,
        as_own_array(histories.starts, np.int64),
        as_own_array(histories.item_keys, np.uint64),
        as_own_array(histories.values, np.float32),
        as_own_array(histories.touched_at_play, np.uint32),
        as_own_array(histories.last_played_s, np.uint32),
        as_own_array(records.play_ids.starts, np.int64),
        as_own_array(records.play_ids.keys, np.uint64),
        as_own_array(records.hidden.starts, np.int64),
        as_own_array(records.hidden.keys, np.uint64),
        as_own_array(shown.starts, np.int64),
        as_own_array(shown.item_keys, np.uint64),
        as_own_array(shown.shows, np.uint32),
        as_own_array(shown.at_play, np.uint32),
        as_own_array(records.listed.starts, np.int64),
        as_own_array(records.listed.marks, np.uint32),
        as_own_array(records.days.starts, np.int64),
        as_own_array(records.days.marks, np.uint32),
        as_own_array(records.vectors, np.float32),
    )
    packed, places = words.tobytes(), (bounds * WORD).tolist()
    return [packed[low:high] for low, high in pairwise(places)]


def without(emptied: Flags, starts: Starts, *columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Empty the rows of some users; return the new starts and columns.

    >>> [part.tolist() for part in without(np.array([True, False]), np.array([0, 1, 3]), np.array([7, 8, 9]))]
    [[0, 0, 2], [8, 9]]
    """
    lengths = lengths_of(starts)
    remaining = ~np.repeat(emptied, lengths)
    return [starts_of(np.where(emptied, 0, lengths)), *(column[remaining] for column in columns)]


def new_users(n: int, factors: int) -> UserRecords:
    """Return empty records, those of new users."""
    return unpack([None] * n, factors)
