"""The words of many user records, moved between two orders: record after record, as stored, and column after column.

A word is four bytes; a column is one part of all records, such as the values of all histories. Within a column, as
within the records, users follow one another.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Counts, Flags, Floats, Keys, Starts
from model.kernel import kernel
from state.users.record import FORMAT, HEADER, PAUSED, WORDS_OF

Words = NDArray[np.uint32]
Lengths = NDArray[np.int64]

WORD = 4
HEADER_WORDS = HEADER.itemsize // WORD
KINDS = (
    ("u8", "f4", "u4", "u4"),  # a history
    ("u8",),  # play ids
    ("u8",),  # hidden
    ("u8", "u4", "u4"),  # shown
    ("u4",),  # listed
    ("u4",),  # days
)
"""The columns of every part of a record between header and vector, in the order of `WORDS_OF`."""
KIND_OF = tuple(np.dtype(kind) for kinds in KINDS for kind in kinds)
"""The type of every column."""

_N_PARTS, _N_COLUMNS = len(KINDS), len(KIND_OF)
_PART_OF = np.repeat(np.arange(_N_PARTS), [len(kinds) for kinds in KINDS])
_WIDTHS = np.array([kind.itemsize // WORD for kind in KIND_OF])
_COUNT_WORDS = np.array([HEADER.fields[name][1] // WORD for name in WORDS_OF])  # type: ignore[index]
_COUNT_SHIFTS = np.array([8 * (HEADER.fields[name][1] % WORD) for name in WORDS_OF])  # type: ignore[index]
_COUNT_MASKS = np.array([256 ** HEADER.fields[name][0].itemsize - 1 for name in WORDS_OF])  # type: ignore[index]
"""Where the header has the entries of every part, the vector behind all others, and how wide each number is."""
_GENERATION = HEADER.fields["generation_key"][1] // WORD  # type: ignore[index]
_UNEVEN = "The columns of user records are not as long as their counts tell."


@njit
def _count(words: Words, header: int, part: int) -> int:
    """Return the entries that a record has of a part; its header begins at a place of the words."""
    count: int = (np.int64(words[header + _COUNT_WORDS[part]]) >> _COUNT_SHIFTS[part]) & _COUNT_MASKS[part]
    return count


@njit
def _is_readable(words: Words, first: int, end: int) -> bool:
    """Tell whether a record is of the present format, and as long as its header tells."""
    if end - first < HEADER_WORDS or words[first] & 0xFF != FORMAT:
        return False
    length = HEADER_WORDS + _count(words, first, _N_PARTS)
    for column in range(_N_COLUMNS):
        length += _WIDTHS[column] * _count(words, first, _PART_OF[column])
    readable: bool = length == end - first
    return readable


@njit
def _put(column: Words, first: int, end: int, words: Words, at: int) -> int:
    """Write a part of a column to a place of the words; return the place behind it."""
    for i in range(end - first):
        words[at + i] = column[first + i]
    return at + end - first


@kernel
def cut(words: Words, bounds: Starts, vectors: Floats) -> tuple[Words, Lengths, Lengths]:
    """Return columns out of records.

    Args:
        words: The records.
        bounds: Where each begins, and the last one ends, shape (n + 1,).
        vectors: Zeros, shape (n, factors); the vectors of so many factors are written into it.

    Returns:
        The headers, and behind them the columns, each from an even place on, so that it may hold numbers of eight
        bytes; where each column begins and ends, shape (columns, 2); and where the entries of each user begin in every
        part, shape (parts, n + 1). There is no column if a record is of another format, or not as long as its header
        tells.
    """
    n, factors = vectors.shape
    parts, places, end = np.zeros((_N_PARTS, n + 1), np.int64), np.zeros((_N_COLUMNS, 2), np.int64), n * HEADER_WORDS
    for u in range(n):
        if not _is_readable(words, bounds[u], bounds[u + 1]):
            return words[:0].copy(), places[:0], parts
        for part in range(_N_PARTS):
            parts[part, u + 1] = parts[part, u] + _count(words, bounds[u], part)
    for c in range(_N_COLUMNS):
        places[c, 0] = end + end % 2
        places[c, 1] = end = places[c, 0] + _WIDTHS[c] * parts[_PART_OF[c], n]
    columns = np.empty(end, np.uint32)
    for u in range(n):
        _put(words, bounds[u], bounds[u] + HEADER_WORDS, columns, u * HEADER_WORDS)
        at = bounds[u] + HEADER_WORDS
        for c in range(_N_COLUMNS):
            part = parts[_PART_OF[c]]
            length = _WIDTHS[c] * (part[u + 1] - part[u])
            _put(words, at, at + length, columns, places[c, 0] + _WIDTHS[c] * part[u])
            at += length
        if bounds[u + 1] - at == factors:
            _put(words, at, at + factors, vectors[u].view(np.uint32), 0)
    return columns, places, parts


@kernel
def is_blank(header: Any, history_starts: Starts, hidden_starts: Starts, shown_starts: Starts) -> Flags:
    """Return which users have no plays, signals, hidden and shown items, and no pause, shape (n,)."""
    blank = np.empty(len(header), np.bool_)
    for u in range(len(header)):
        n_entries = history_starts[u + 1] - history_starts[u] + hidden_starts[u + 1] - hidden_starts[u]
        n_entries += shown_starts[u + 1] - shown_starts[u]
        blank[u] = n_entries == 0 and header[u]["plays"] == 0 and header[u]["flags"] & PAUSED == 0
    return blank


@njit
def _set_count(header: Words, u: int, part: int, count: int) -> None:
    """Write into a header how many entries its record has of a part."""
    word, shift, mask = _COUNT_WORDS[part], _COUNT_SHIFTS[part], _COUNT_MASKS[part]
    others = np.int64(header[u, word]) & ~(mask << shift)
    header[u, word] = others | (count & mask) << shift


@njit
def _fits(starts: Starts, n: int, *lengths: int) -> bool:
    """Tell whether the columns of a part have the entries that its starts tell."""
    fits = len(starts) == n + 1
    for length in lengths:
        fits = fits and length == starts[n]
    return fits


@kernel
def join(
    header: Words,
    history_starts: Starts,
    item_keys: Keys,
    values: Floats,
    touched_at_play: Counts,
    last_played_s: Counts,
    play_id_starts: Starts,
    play_ids: Keys,
    hidden_starts: Starts,
    hidden: Keys,
    shown_starts: Starts,
    shown_keys: Keys,
    shows: Counts,
    at_play: Counts,
    listed_starts: Starts,
    listed: Counts,
    day_starts: Starts,
    days: Counts,
    vectors: Floats,
) -> tuple[Words, Starts]:
    """Return records out of columns; and where each record begins, and the last one ends.

    The header has the shape (n, `HEADER_WORDS`); format and counts are written into it. The parts follow in the order
    of `KINDS`, each as its starts, shape (n + 1,), and its columns. The vectors have the shape (n, factors); a record
    without a generation has none.

    Raises:
        ValueError: There are more or fewer entries than the starts tell.
    """
    n, factors = vectors.shape
    history = _fits(history_starts, n, len(item_keys), len(values), len(touched_at_play), len(last_played_s))
    ids = _fits(play_id_starts, n, len(play_ids)) and _fits(hidden_starts, n, len(hidden))
    shown = _fits(shown_starts, n, len(shown_keys), len(shows), len(at_play))
    if not (history and ids and shown and _fits(listed_starts, n, len(listed)) and _fits(day_starts, n, len(days))):
        raise ValueError(_UNEVEN)
    n_words = n * (HEADER_WORDS + factors) + 5 * len(item_keys) + 2 * len(play_ids) + 2 * len(hidden)
    words = np.empty(n_words + 4 * len(shown_keys) + len(listed) + len(days), np.uint32)
    bounds, at = np.zeros(n + 1, np.int64), 0
    key_words, value_words, id_words = item_keys.view(np.uint32), values.view(np.uint32), play_ids.view(np.uint32)
    hidden_words, shown_words = hidden.view(np.uint32), shown_keys.view(np.uint32)
    parts = history_starts, play_id_starts, hidden_starts, shown_starts, listed_starts, day_starts
    for u in range(n):
        has_vector = header[u, _GENERATION] != 0 or header[u, _GENERATION + 1] != 0
        header[u, 0] = header[u, 0] & np.uint32(0xFFFFFF00) | np.uint32(FORMAT)
        for part in range(_N_PARTS):
            _set_count(header, u, part, parts[part][u + 1] - parts[part][u])
        _set_count(header, u, _N_PARTS, factors if has_vector else 0)
        at = _put(header[u], 0, HEADER_WORDS, words, at)
        first, end = history_starts[u], history_starts[u + 1]
        at = _put(key_words, 2 * first, 2 * end, words, at)
        at = _put(value_words, first, end, words, at)
        at = _put(touched_at_play, first, end, words, at)
        at = _put(last_played_s, first, end, words, at)
        at = _put(id_words, 2 * play_id_starts[u], 2 * play_id_starts[u + 1], words, at)
        at = _put(hidden_words, 2 * hidden_starts[u], 2 * hidden_starts[u + 1], words, at)
        first, end = shown_starts[u], shown_starts[u + 1]
        at = _put(shown_words, 2 * first, 2 * end, words, at)
        at = _put(shows, first, end, words, at)
        at = _put(at_play, first, end, words, at)
        at = _put(listed, listed_starts[u], listed_starts[u + 1], words, at)
        at = _put(days, day_starts[u], day_starts[u + 1], words, at)
        if has_vector:
            at = _put(vectors[u].view(np.uint32), 0, factors, words, at)
        bounds[u + 1] = at
    return words[:at], bounds
