"""Candidates of a list: score and row as one number, so that a higher score comes first and ties go by row.

The number is the score's bits, mapped so that their order as an unsigned integer is that of the floats, above the
inverted row. All candidates of a list differ, because their rows do.
"""

import numpy as np
from numba import njit

from model.arrays import Counts, Keys, Rows

_SIGN = np.uint32(0x80000000)
_COUNTED_MAX, _TOGETHER = 512, 32
"""More candidates are sorted; fewer are each compared with each, so many at once."""


@njit
def candidate_of(score_bits: np.uint32, row: int) -> np.uint64:
    """Return score and row as one sortable number."""
    bits = np.uint32(0) if score_bits == _SIGN else np.uint32(score_bits)  # minus zero equals zero
    ordered = bits ^ (np.uint32(np.int32(bits) >> np.int32(31)) | _SIGN)
    return np.uint64(ordered) << np.uint64(32) | np.uint64(~np.uint32(row))


@njit
def score_bits_of(candidate: np.uint64) -> np.uint32:
    """Return the bits of a candidate's score."""
    ordered = np.uint32(candidate >> np.uint64(32))
    return ordered & ~_SIGN if ordered & _SIGN else ~ordered


@njit
def row_of(candidate: np.uint64) -> np.int32:
    """Return a candidate's row."""
    return np.int32(~np.uint32(candidate & np.uint64(0xFFFFFFFF)))


@njit
def cut(candidates: Keys, count: int, n: int) -> None:
    """Move the n best of `count` candidates to the front, n at least 1.

    The least number that n candidates reach is found bit by bit, by counting: without jumps, and `np.partition` takes
    seconds to compile.
    """
    bar, given = np.uint64(0), candidates[:count]
    for bit in range(63, -1, -1):
        higher = bar | np.uint64(1) << np.uint64(bit)
        reaching = _n_above(given, higher - np.uint64(1))
        if reaching >= n:
            bar = higher
        if reaching == n:
            break
    left = 0
    for one in given:
        candidates[left] = one
        left += 1 if one >= bar else 0


@njit
def _n_above(candidates: Keys, one: np.uint64) -> int:
    """Return how many candidates are better than one of them."""
    n = 0
    for i in range(len(candidates)):
        n += 1 if candidates[i] > one else 0
    return n


@njit
def _ordered(candidates: Keys, count: int) -> Keys:
    """Return candidates, best first: the place of one is the number of better ones.

    For hundreds of them that is faster than sorting, which jumps as the numbers fall. Padding is worse than any, and
    makes the loop one of whole registers.
    """
    ordered, padded = np.empty(count, np.uint64), np.zeros(-(-count // _TOGETHER) * _TOGETHER, np.uint64)
    padded[:count] = candidates[:count]
    for i in range(count):
        ordered[_n_above(padded, padded[i])] = padded[i]
    return ordered


@njit
def write_list(candidates: Keys, count: int, rows: Rows, score_bits: Counts) -> None:
    """Write the best candidates in order; both outputs hold their padding already."""
    n = min(count, len(rows))
    if count > n:
        cut(candidates, count, n)
    best = _ordered(candidates, n) if n <= _COUNTED_MAX else np.sort(candidates[:n])[::-1].copy()
    for i in range(n):
        rows[i], score_bits[i] = row_of(best[i]), score_bits_of(best[i])
