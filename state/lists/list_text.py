"""Lists as JSON, written into one array of bytes: a Python object per item would take longer than the list.

Ids are copied from the generation's JSON, numbers from the text that `orjson` writes for all lists at once.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import orjson
from numba import njit

from model.arrays import Codes, Floats, Rows, Starts, as_kernel_array
from model.kernel import kernel
from state.json_strings import JsonStrings, string_end
from state.lists.build import KINDS
from state.lists.json_bytes import WHOLE_BYTES, put, put_part, put_whole
from state.lists.publish_policy import REASONS
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
_N_KINDS, _WORDS = len(KINDS), [f'"{word}"' for word in (*KINDS, *REASONS)]
_WORD_TEXT, _WORD_STARTS = _part("".join(_WORDS)), np.cumsum([0, *map(len, _WORDS)])
_FIXED = sum(map(len, _PARTS)) + 4 * WHOLE_BYTES + 2 * max(map(len, _WORDS)) + len("]}")


class ListHeads(NamedTuple):
    """The fields of n lists that differ from list to list, beside their items."""

    users: Sequence[str]  # (n,), the listeners' ids
    numbers: Starts  # (n, 6): kind, partition, position, plays, reason, and 1 for an explained list


class ListReasons(NamedTuple):
    """The reasons of the first items of the explained lists."""

    rows: Rows  # (n_explained, items_n, m), item rows of plays; -1 pads the end of an item's reasons
    shares: Floats  # (n_explained, items_n, m)
    rest: Floats  # (n_explained, items_n)


Place = tuple[int, int, int]  # of the reasons of a list: its explained items, its first share, its first rest


class Numbers(NamedTuple):
    """Numbers as a JSON array."""

    text: Codes
    commas: Starts  # the places of the commas between them


def write_lists(
    shared: bytes, heads: ListHeads, names: JsonStrings, best: tuple[Rows, Floats], reasons: ListReasons
) -> list[bytes]:
    """Write lists as JSON.

    Args:
        shared: Fields that all lists have: JSON, behind a comma.
        heads: Their other fields; a kind is a place in `KINDS`, a reason one in `REASONS`.
        names: The ids of all items, by row.
        best: Item rows and scores of n lists, shape (n, list_n); -1 pads the end of a list.
        reasons: The reasons.
    """
    rows, scores = best
    text, ends = _write(
        np.frombuffer(shared, np.uint8),
        np.frombuffer(orjson.dumps(heads.users), np.uint8),
        as_kernel_array(heads.numbers, np.int64),
        names,
        as_kernel_array(rows, np.int32),
        as_kernel_array(reasons.rows, np.int32),
        _numbers(scores, reasons.shares, reasons.rest),
    )
    view = text.data
    return [bytes(view[begin:end]) for begin, end in pairwise([0, *ends.tolist()])]


def _numbers(*matrices: Floats) -> Numbers:
    """Return all numbers of matrices as JSON, one matrix after another: the fewest digits that give them again."""
    flat = np.concatenate([matrix.ravel() for matrix in matrices])
    text = np.frombuffer(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY), np.uint8)
    return Numbers(text, (text == _COMMA).nonzero()[0])


@njit
def _put_string(out: Codes, at: int, strings: JsonStrings, i: int) -> int:
    """Write a string."""
    end: int = put_part(out, at, strings.text, strings.starts[i], strings.starts[i + 1] - 1)
    return end


@njit
def _put_numbers(out: Codes, at: int, numbers: Numbers, first: int, n: int) -> int:
    """Write consecutive numbers with commas between them."""
    if n == 0:
        return at
    text, commas = numbers
    begin = commas[first - 1] + 1 if first else 1
    end = commas[first + n - 1] if first + n <= len(commas) else len(text) - 1
    place: int = put_part(out, at, text, begin, end)
    return place


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
def _put_word(out: Codes, at: int, i: int) -> int:
    """Write a kind or a reason."""
    end: int = put_part(out, at, _WORD_TEXT, _WORD_STARTS[i], _WORD_STARTS[i + 1])
    return end


@njit
def _put_head(out: Codes, at: int, shared: Codes, numbers: Starts) -> int:
    """Write the fields between a list's user and its items."""
    position = numbers[2]
    at = _put_word(out, put(out, at, _KIND), numbers[0])
    at = put_whole(out, put(out, put(out, at, shared), _PARTITION), numbers[1])
    at = put_whole(out, put(out, at, _OFFSET), position & OFFSET_MASK if position > 0 else position)
    if position > OFFSET_MASK:
        at = put_whole(out, put(out, at, _EPOCH), position >> OFFSET_BITS)
    at = put_whole(out, put(out, at, _PLAYS), numbers[3])
    at = _put_word(out, put(out, at, _REASON), _N_KINDS + numbers[4])
    end: int = put(out, at, _ITEMS)
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
def _space(names: JsonStrings, rows: Rows, plays: Rows) -> int:
    """Return an upper bound of the bytes of the ids in all lists, with their commas and brackets."""
    space: int = 6 * plays.shape[0] * plays.shape[1]
    for row in rows.flat:
        space += names.starts[row + 1] - names.starts[row] if row >= 0 else 0
    for row in plays.flat:
        space += names.starts[row + 1] - names.starts[row] if row >= 0 else 0
    return space


@kernel
def _write(
    shared: Codes,
    users: Codes,
    heads: Starts,
    names: JsonStrings,
    rows: Rows,
    plays: Rows,
    numbers: Numbers,
) -> tuple[Codes, Starts]:
    """Write all lists; return their bytes and where each ends."""
    n_lists, list_n = rows.shape
    items_n, m = plays.shape[1:]
    space = n_lists * (_FIXED + len(shared)) + len(users) + len(numbers.text) + _space(names, rows, plays)
    out, ends = np.empty(space, np.uint8), np.empty(n_lists, np.int64)
    at, user, e, first_share, first_rest = 0, 1, 0, rows.size, rows.size + plays.size
    for u in range(n_lists):
        n, end = _length(rows[u]), string_end(users, user)
        at = put_part(out, put(out, at, _USER), users, user, end)
        user = end + 1
        at = _put_head(out, at, shared, heads[u])
        at = put(out, _put_ids(out, at, names, rows[u], n), _SCORES)
        at = _put_numbers(out, at, numbers, u * list_n, n)
        if heads[u, 5]:
            place = min(n, items_n), first_share + e * items_n * m, first_rest + e * items_n
            at = _put_reasons(out, at, names, plays[e], numbers, place)
            e += 1
        else:
            at = put(out, at, _NOTHING)
        out[at], out[at + 1] = _CLOSE, _END
        at += 2
        ends[u] = at
    return out, ends
