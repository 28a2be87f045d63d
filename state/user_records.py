"""Many user records as arrays: a group's records are read, changed and written without a Python object a play."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.history import Histories
from state.user_record import FORMAT, HEADER, NOTHING_APPLIED, RecordFormatError, UserRecord

WORD = 4
HEADER_WORDS = HEADER.itemsize // WORD
NEW_USER = UserRecord().encode()
_UNREADABLE = f"A user record is not of format {FORMAT}, or it is cut short."


@dataclass(slots=True)
class UserRecords:
    """The records of `n` users.

    Attributes:
        header: `HEADER` of every user, shape (n,); its counts are set when packed.
        histories: Every user's history.
        play_id_starts: i64, shape (n + 1,).
        play_ids: u64; those of user `u` are `play_ids[play_id_starts[u]:play_id_starts[u + 1]]`.
        vectors: f32, shape (n, factors).
    """

    header: NDArray[np.void]
    histories: Histories
    play_id_starts: NDArray[np.int64]
    play_ids: NDArray[np.uint64]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.header)


def unpack(values: Sequence[bytes | None], factors: int) -> UserRecords:
    """Read records; None stands for a user who has none yet.

    A vector of another length than `factors` belongs to another generation and reads as zeros.

    Raises:
        RecordFormatError: A record is of another format or cut short.
    """
    whole = [NEW_USER if value is None else value for value in values]
    n_bytes = np.fromiter(map(len, whole), np.int64, len(whole))
    if (n_bytes % WORD).any() or (n_bytes < HEADER.itemsize).any():
        raise RecordFormatError(_UNREADABLE)
    n_words = n_bytes // WORD
    first = _starts(n_words)[:-1]
    words = np.frombuffer(b"".join(whole), np.uint32)
    header = _rows(words, first, HEADER_WORDS).view(HEADER)[:, 0]
    n, n_play_ids, found = (header[name].astype(np.int64) for name in ("n_history", "n_play_ids", "factors"))
    if (header["format"] != FORMAT).any() or (HEADER_WORDS + 5 * n + 2 * n_play_ids + found != n_words).any():
        raise RecordFormatError(_UNREADABLE)
    at = first + HEADER_WORDS
    histories = Histories(
        _starts(n),
        _ragged(words, at, 2 * n).view(np.uint64),
        _ragged(words, at + 2 * n, n).view(np.float32),
        _ragged(words, at + 3 * n, n),
        _ragged(words, at + 4 * n, n),
    )
    vectors = np.zeros((len(whole), factors), np.float32)
    fitting = np.flatnonzero(found == factors)
    vectors[fitting] = _rows(words, (at + 5 * n + 2 * n_play_ids)[fitting], factors).view(np.float32)
    play_ids = _ragged(words, at + 5 * n, 2 * n_play_ids).view(np.uint64)
    return UserRecords(header.copy(), histories, _starts(n_play_ids), play_ids, vectors)


def pack(records: UserRecords) -> list[bytes]:
    """Write records, one value a user; a user without a generation has no vector in it."""
    header, histories = records.header, records.histories
    n, n_play_ids = np.diff(histories.starts), np.diff(records.play_id_starts)
    with_vector = header["generation_key"] != 0
    factors = np.where(with_vector, records.vectors.shape[1], 0)
    header["format"], header["n_history"], header["n_play_ids"], header["factors"] = FORMAT, n, n_play_ids, factors
    starts = _starts(HEADER_WORDS + 5 * n + 2 * n_play_ids + factors)
    first = starts[:-1]
    words = np.empty(starts[-1], np.uint32)
    words[first[:, None] + np.arange(HEADER_WORDS)] = _words(header)
    at = first + HEADER_WORDS
    words[_positions(at, 2 * n)] = histories.item_keys.view(np.uint32)
    words[_positions(at + 2 * n, n)] = histories.values.view(np.uint32)
    words[_positions(at + 3 * n, n)] = histories.touched_at_play
    words[_positions(at + 4 * n, n)] = histories.last_played_s
    words[_positions(at + 5 * n, 2 * n_play_ids)] = records.play_ids.view(np.uint32)
    vector_at = (at + 5 * n + 2 * n_play_ids)[with_vector]
    words[vector_at[:, None] + np.arange(records.vectors.shape[1])] = records.vectors[with_vector].view(np.uint32)
    packed, bounds = words.tobytes(), (starts * WORD).tolist()
    return [packed[low:high] for low, high in pairwise(bounds)]


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


__all__ = ["NOTHING_APPLIED", "UserRecords", "new_users", "pack", "unpack"]
