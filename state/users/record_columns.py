"""The words of many user records, moved between two orders: record after record, as stored, and column after column.

A word is four bytes; a column is one part of all records, such as the values of all histories. Within a column, as
within the records, users follow one another.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Lengths = NDArray[np.int64]
_UNEVEN = "The columns of user records are not as long as their counts tell."


@njit
def _column_starts(lengths: Lengths, multiple: int) -> Lengths:
    """Return where each column begins, at a multiple of so many words, and where the last one ends."""
    starts, place = np.zeros(len(lengths) + 1, np.int64), 0
    for c in range(len(lengths)):
        place += -place % multiple
        starts[c] = place
        for u in range(lengths.shape[1]):
            place += lengths[c, u]
    starts[len(lengths)] = place
    return starts


@njit(nogil=True, cache=True)
def cut(words: Words, first: Lengths, lengths: Lengths) -> tuple[Words, Lengths]:
    """Return columns out of records.

    Args:
        words: The records.
        first: Where each user's first part begins, shape (n,).
        lengths: Words that every user has in every column, the columns in the order of the parts, shape (columns, n).

    Returns:
        The columns, each from an even place on, so that it may hold numbers of eight bytes; and where each begins,
        and the last one ends.
    """
    n_columns, n = lengths.shape
    starts = _column_starts(lengths, 2)
    columns, places = np.empty(starts[n_columns], np.uint32), starts.copy()
    for u in range(n):
        at = first[u]
        for c in range(n_columns):
            for i in range(lengths[c, u]):
                columns[places[c] + i] = words[at + i]
            places[c] += lengths[c, u]
            at += lengths[c, u]
    return columns, starts


@njit(nogil=True, cache=True)
def join(columns: Words, lengths: Lengths) -> tuple[Words, Lengths]:
    """Return records out of columns that follow one another without a gap; and where each record begins and ends.

    Raises:
        ValueError: There are more or fewer words than `lengths` tells.
    """
    n_columns, n = lengths.shape
    places, starts = _column_starts(lengths, 1), np.zeros(n + 1, np.int64)
    if places[n_columns] != len(columns):
        raise ValueError(_UNEVEN)
    words, at = np.empty(len(columns), np.uint32), 0
    for u in range(n):
        for c in range(n_columns):
            for i in range(lengths[c, u]):
                words[at + i] = columns[places[c] + i]
            places[c] += lengths[c, u]
            at += lengths[c, u]
        starts[u + 1] = at
    return words, starts
