"""JSON strings in one array of bytes: a list's items are written by copying theirs."""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Codes, Starts
from model.kernel import kernel

_QUOTE, _BACKSLASH, _COMMA, _OPEN, _CLOSE = (ord(letter) for letter in '"\\,[]')


class JsonStrings(NamedTuple):
    """The strings of a JSON array, quoted and escaped: string `i` is `text[starts[i] : starts[i + 1] - 1]`."""

    text: Codes  # the array, without spaces between its strings
    starts: Starts  # (n + 1,), the places of the strings, and the length of the text


def json_strings(text: Codes, n: int) -> JsonStrings:
    """Return the strings of a JSON array.

    Args:
        text: The UTF-8 bytes of the array, without spaces between its strings.
        n: How many strings it has.

    Raises:
        ValueError: It is no such array of `n` strings.
    """
    starts = _starts(text, n)
    if starts[n] != len(text):
        message = f"A JSON array of {len(text)} bytes is not {n} strings without spaces between them."
        raise ValueError(message)
    return JsonStrings(text, starts)


@njit
def string_end(text: Codes, at: int) -> int:
    """Return the place behind the string that begins at a place."""
    at += 1
    while at < len(text) and text[at] != _QUOTE:
        at += 2 if text[at] == _BACKSLASH else 1
    return at + 1


@kernel
def _starts(text: Codes, n: int) -> Starts:
    """Return the place of every string, and the end of the text; the last place is 0 if the text is something else."""
    starts, at, last = np.zeros(n + 1, np.int64), 1, len(text) - 1
    if last < 1 or text[0] != _OPEN or text[last] != _CLOSE:
        return starts
    for i in range(n):
        starts[i] = at
        if text[at] != _QUOTE:
            return starts
        at = string_end(text, at)
        if at > last or text[at] != (_CLOSE if i == n - 1 else _COMMA):
            return starts
        at += 1
    starts[n] = at if n else last + 1
    return starts
