"""Many user records as arrays: a group's records are read, changed and written without a Python object per play."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Flags, Keys, Starts, has_any, lengths_of, starts_of
from model.history import Histories
from model.ragged import Ragged, RaggedKeys, RaggedMarks
from state.users.record import FORMAT, HEADER, PAUSED, WORDS_OF, RecordFormatError, UserRecord, upgraded
from state.users.record_columns import Lengths, Words, cut, join

WORD = 4
HEADER_WORDS = HEADER.itemsize // WORD
NEW_USER = UserRecord().encode()
_CURRENT = bytes([FORMAT])
_KINDS = (
    ("u8", "f4", "u4", "u4"),  # a history
    ("u8",),  # play ids
    ("u8",),  # hidden
    ("u8", "u4", "u4"),  # shown
    ("u4",),  # listed
    ("u4",),  # days
    ("f4",),  # the vector
)
"""The columns of every part of a record behind its header, in the order of `WORDS_OF`."""
_KIND_OF = [kind for kinds in _KINDS for kind in kinds]
_PART_OF = np.repeat(np.arange(len(_KINDS)), [len(kinds) for kinds in _KINDS])
_WIDTHS = np.array([[np.dtype(kind).itemsize // WORD] for kind in _KIND_OF])
_WORDS = np.array(list(WORDS_OF.values()))
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
    def blank(self) -> NDArray[np.bool_]:
        """True for every user without plays, signals, hidden and shown items, and without a pause, shape (n,)."""
        header = self.header
        known = (header["plays"] > 0) | (header["flags"] & PAUSED > 0)
        for starts in (self.histories.starts, self.hidden.starts, self.shown.starts):
            known |= lengths_of(starts) > 0
        blank: NDArray[np.bool_] = ~known
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
    words, starts = _words_of(values)
    n = len(values)
    header = cut(words, starts[:-1], np.full((1, n), HEADER_WORDS))[0][: n * HEADER_WORDS].view(HEADER)
    counts = np.empty((len(WORDS_OF), n), np.int64)
    for count, name in zip(counts, WORDS_OF, strict=True):
        count[:] = header[name]
    # No bounds are checked after this: the lengths in the headers have to be those of the records.
    if has_any(header["format"] != FORMAT) or has_any(HEADER_WORDS + _WORDS @ counts != lengths_of(starts)):
        raise RecordFormatError(_UNREADABLE)
    fitting = counts[-1] == factors
    counts[-1, ~fitting] = 0
    columns = iter(_columns_of(words, starts[:-1] + HEADER_WORDS, counts))
    bounds = np.zeros((len(counts), n + 1), np.int64)
    np.cumsum(counts, axis=1, out=bounds[:, 1:])
    parts = [[bounds[part], *islice(columns, len(kinds))] for part, kinds in enumerate(_KINDS)]
    vectors = np.zeros((n, factors), np.float32)
    vectors[fitting] = parts[6][1].reshape(np.count_nonzero(fitting), factors)
    return UserRecords(
        header,
        Histories(*parts[0]),
        RaggedKeys(*parts[1]),
        RaggedKeys(*parts[2]),
        Shown(*parts[3]),
        RaggedMarks(*parts[4]),
        RaggedMarks(*parts[5]),
        vectors,
    )


def _words_of(values: Sequence[bytes | None]) -> tuple[Words, Lengths]:
    """Return the words of records, and the bounds of each.

    Raises:
        RecordFormatError: A record has no whole header, or no whole number of words.
    """
    whole = [NEW_USER if value is None else value if value[:1] == _CURRENT else upgraded(value) for value in values]
    n_bytes = np.fromiter(map(len, whole), np.int64, len(whole))
    if has_any(n_bytes % WORD != 0) or has_any(n_bytes < HEADER.itemsize):
        raise RecordFormatError(_UNREADABLE)
    starts = np.zeros(len(whole) + 1, np.int64)
    np.cumsum(n_bytes // WORD, out=starts[1:])
    return np.frombuffer(b"".join(whole), np.uint32), starts


def _columns_of(words: Words, first: Lengths, counts: Lengths) -> Iterator[NDArray[Any]]:
    """Yield every column behind the headers; `counts` are the entries of every part, shape (parts, n)."""
    lengths = counts[_PART_OF] * _WIDTHS
    columns, starts = cut(words, first, lengths)
    for start, length, kind in zip(starts[:-1].tolist(), lengths.sum(axis=1).tolist(), _KIND_OF, strict=True):
        yield columns[start : start + length].view(kind)


def pack(records: UserRecords) -> list[bytes]:
    """Serialize records, one value per user; without a generation, without a vector."""
    header, n = records.header, len(records)
    with_vector = header["generation_key"] != 0
    others: tuple[Ragged, ...] = records.play_ids, records.hidden, records.shown, records.listed, records.days
    counts = np.empty((len(WORDS_OF), n), np.int64)
    every_starts = records.histories.starts, *(part.starts for part in others)
    for count, starts in zip(counts[:-1], every_starts, strict=True):
        count[:] = lengths_of(starts)
    counts[-1] = np.where(with_vector, records.vectors.shape[1], 0)
    header["format"] = FORMAT
    for name, count in zip(WORDS_OF, counts, strict=True):
        header[name] = count
    columns = [*records.histories[1:], *(column for part in others for column in part.columns)]
    lengths = np.full((1 + len(_WIDTHS), n), HEADER_WORDS)
    np.multiply(counts[_PART_OF], _WIDTHS, out=lengths[1:])
    flat = [np.ascontiguousarray(column).view(np.uint32) for column in (header, *columns)]
    words, starts = join(np.concatenate([*flat, records.vectors[with_vector].view(np.uint32).ravel()]), lengths)
    packed, bounds = words.tobytes(), (starts * WORD).tolist()
    return [packed[low:high] for low, high in pairwise(bounds)]


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
