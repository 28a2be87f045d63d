"""Lists as JSON, written into one array of bytes: a Python object per item would take longer than the list.

Ids are copied from the generation's JSON, numbers from the text that `orjson` writes for all lists at once.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import orjson
from numba import njit

from model.arrays import Codes, Flags, Floats, Rows, Starts, as_kernel_array
from state.json_strings import JsonStrings
from state.lists.json_bytes import WHOLE_BYTES, put, put_part, put_whole
from streams.positions import OFFSET_BITS, OFFSET_MASK

_OPEN, _CLOSE, _COMMA, _END = (ord(letter) for letter in "[],}")


def _part(text: str) -> Codes:
    return np.frombuffer(text.encode(), np.uint8)


_USER, _KIND, _PARTITION, _OFFSET = map(_part, ('{"user_id":', ',"kind":', ',"partition":', ',"offset":'))
_EPOCH, _PLAYS, _REASON, _ITEMS = map(_part, (',"epoch":', ',"plays":', ',"reason":', ',"items":['))
_SCORES, _BECAUSE, _SHARES, _REST = map(
    _part, ('],"scores":[', '],"because":[', '],"because_scores":[', '],"because_rest":[')
)
_NOTHING = np.concatenate((_BECAUSE, _SHARES, _REST))
_PARTS = (_USER, _KIND, _PARTITION, _OFFSET, _EPOCH, _PLAYS, _REASON, _ITEMS, _SCORES, _BECAUSE, _SHARES, _REST)
_FIXED = sum(map(len, _PARTS)) + 4 * WHOLE_BYTES + len("]}")


class ListHeads(NamedTuple):
    """The fields of n lists that differ from list to list, beside their items."""

    users: JsonStrings  # the listeners' ids
    words: JsonStrings  # the kinds and reasons that `numbers` refers to
    numbers: Starts  # (n, 5): kind, partition, position, plays and reason


class ListReasons(NamedTuple):
    """The reasons of the first items of the explained lists."""

    explained: Flags  # (n,), which lists they are
    rows: Rows  # (n_explained, items_n, m), item rows of plays; -1 pads the end of an item's reasons
    shares: Floats  # (n_explained, items_n, m)
    rest: Floats  # (n_explained, items_n)


Place = tuple[int, int, int]  # of the reasons of a list: its explained items, its first share, its first rest


class Numbers(NamedTuple):
    """Numbers as JSON, with a comma behind each but the last: number `i` is `text[ends[i] + 1 : ends[i + 1]]`."""

    text: Codes
    ends: Starts


def write_lists(
    shared: bytes, heads: ListHeads, names: JsonStrings, best: tuple[Rows, Floats], reasons: ListReasons
) -> list[bytes]:
    """Write lists as JSON.

    Args:
        shared: Fields that all lists have: JSON, behind a comma.
        heads: Their other fields.
        names: The ids of all items, by row.
        best: Item rows and scores of n lists, shape (n, list_n); -1 pads the end of a list.
        reasons: The reasons.
    """
    rows, scores = best
    text, ends = _write(
        np.frombuffer(shared, np.uint8),
        heads._replace(numbers=as_kernel_array(heads.numbers, np.int64)),
        names,
        as_kernel_array(rows, np.int32),
        as_kernel_array(reasons.explained, np.bool_),
        as_kernel_array(reasons.rows, np.int32),
        _numbers(scores, reasons.shares, reasons.rest),
    )
    view = text.data
    return [bytes(view[begin:end]) for begin, end in pairwise([0, *ends.tolist()])]


def _numbers(*matrices: Floats) -> Numbers:
    """Return all numbers of matrices as JSON, one matrix after another: the fewest digits that give them again."""
    flat = np.concatenate([matrix.reshape(-1) for matrix in matrices])
    text = np.frombuffer(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY), np.uint8)
    ends = np.empty(len(flat) + 1, np.int64)
    ends[0], ends[-1], ends[1:-1] = 0, len(text) - 1, (text == _COMMA).nonzero()[0]
    return Numbers(text, ends)


@njit
def _put_string(out: Codes, at: int, strings: JsonStrings, i: int) -> int:
    """Write a string."""
    end: int = put_part(out, at, strings.text, strings.starts[i], strings.starts[i + 1] - 1)
    return end


@njit
def _put_numbers(out: Codes, at: int, numbers: Numbers, first: int, n: int) -> int:
    """Write consecutive numbers with commas between them."""
    return put_part(out, at, numbers.text, numbers.ends[first] + 1, numbers.ends[first + n]) if n else at


@njit
def _put_ids(out: Codes, at: int, names: JsonStrings, rows: Rows, n: int) -> int:
    """Write the ids of the first `n` rows with commas between them."""
    for i in range(n):
        at = _put_string(out, at, names, rows[i])
        out[at] = _COMMA
        at += 1
    return at - (n > 0)


@njit
def _put_close(out: Codes, at: int, begin: int) -> int:
    """Write the brackets of an inner array that begins at `begin`, and a comma."""
    out[begin], out[at], out[at + 1] = _OPEN, _CLOSE, _COMMA
    return at + 2


@njit
def _length(rows: Rows) -> int:
    """Return how many rows there are before the padding."""
    n = len(rows)
    while n and rows[n - 1] < 0:
        n -= 1
    return n


@njit
def _put_head(out: Codes, at: int, shared: Codes, heads: ListHeads, u: int) -> int:
    """Write the fields before a list's items."""
    kind, partition, position = heads.numbers[u, 0], heads.numbers[u, 1], heads.numbers[u, 2]
    at = _put_string(out, put(out, at, _USER), heads.users, u)
    at = _put_string(out, put(out, at, _KIND), heads.words, kind)
    at = put_whole(out, put(out, put(out, at, shared), _PARTITION), partition)
    at = put_whole(out, put(out, at, _OFFSET), position & OFFSET_MASK if position > 0 else position)
    if position > OFFSET_MASK:
        at = put_whole(out, put(out, at, _EPOCH), position >> OFFSET_BITS)
    at = put_whole(out, put(out, at, _PLAYS), heads.numbers[u, 3])
    end: int = _put_string(out, put(out, at, _REASON), heads.words, heads.numbers[u, 4])
    return end


@njit
def _put_reasons(out: Codes, at: int, names: JsonStrings, plays: Rows, numbers: Numbers, place: Place) -> int:
    """Write the reasons of the first items of a list."""
    n, first_share, first_rest = place
    at, m = put(out, at, _BECAUSE), plays.shape[1]
    for i in range(n):
        at = _put_close(out, _put_ids(out, at + 1, names, plays[i], _length(plays[i])), at)
    at = put(out, at - (n > 0), _SHARES)
    for i in range(n):
        at = _put_close(out, _put_numbers(out, at + 1, numbers, first_share + i * m, _length(plays[i])), at)
    at = put(out, at - (n > 0), _REST)
    end: int = _put_numbers(out, at, numbers, first_rest, n)
    return end


@njit
def _space(shared: Codes, heads: ListHeads, names: JsonStrings, rows: Rows, plays: Rows, numbers: Numbers) -> int:
    """Return an upper bound of the bytes of all lists."""
    space: int = len(rows) * (_FIXED + len(shared) + len(heads.words.text)) + len(heads.users.text) + len(numbers.text)
    space += 6 * plays.shape[0] * plays.shape[1]  # brackets and commas
    for row in rows.flat:
        space += names.starts[row + 1] - names.starts[row] if row >= 0 else 0
    for row in plays.flat:
        space += names.starts[row + 1] - names.starts[row] if row >= 0 else 0
    return space


@njit(nogil=True, cache=True)
def _write(
    shared: Codes,
    heads: ListHeads,
    names: JsonStrings,
    rows: Rows,
    explained: Flags,
    plays: Rows,
    numbers: Numbers,
) -> tuple[Codes, Starts]:
    """Write all lists; return their bytes and where each ends."""
    n_lists, list_n = rows.shape
    items_n, m = plays.shape[1:]
    out, ends = np.empty(_space(shared, heads, names, rows, plays, numbers), np.uint8), np.empty(n_lists, np.int64)
    at, e, first_share, first_rest = 0, 0, rows.size, rows.size + plays.size
    for u in range(n_lists):
        n = _length(rows[u])
        at = put(out, _put_head(out, at, shared, heads, u), _ITEMS)
        at = put(out, _put_ids(out, at, names, rows[u], n), _SCORES)
        at = _put_numbers(out, at, numbers, u * list_n, n)
        if explained[u]:
            place = min(n, items_n), first_share + e * items_n * m, first_rest + e * items_n
            at = _put_reasons(out, at, names, plays[e], numbers, place)
            e += 1
        else:
            at = put(out, at, _NOTHING)
        out[at], out[at + 1] = _CLOSE, _END
        at += 2
        ends[u] = at
    return out, ends
