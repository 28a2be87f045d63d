"""The array types of the maths, and the one form in which kernels take them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Floats = NDArray[np.float32]  # vectors, matrices of factors, weights
Doubles = NDArray[np.float64]  # sums, and matrices that are decomposed
Rows = NDArray[np.int32]  # item rows of a generation, -1 where it does not know the item
Starts = NDArray[np.int64]  # compressed rows: those of user u are starts[u]:starts[u + 1]
Keys = NDArray[np.uint64]  # item keys
Counts = NDArray[np.uint32]  # plays, or seconds since 1970
Codes = NDArray[np.uint8]  # which of a few kinds
Flags = NDArray[np.bool_]  # one for each of something


def as_kernel_array(array: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return a read-only, contiguous, aligned view of an array: the one form that a kernel is compiled for.

    Numba compiles a kernel again for every mix of writeable, read-only (a mapped file, a decoded record) and
    unaligned arguments. A copy is made only where the type or the layout ask for one.
    """
    view = np.ascontiguousarray(array, dtype)
    flags = view.flags
    if not flags.aligned:
        view = view.copy()
    elif not flags.writeable:
        return view
    else:
        view = view.view()
    view.setflags(write=False)
    return view


def as_own_array(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array that its kernel may write to: the array itself where it is writeable, contiguous and aligned.

    It is the form of kernels that take arrays of their own process only, such as those of user records. Nothing is
    copied then, and nothing has to be made read-only, which takes longer than a kernel's call.
    """
    return array if array.dtype == dtype and array.flags.carray else np.array(array, dtype, order="C")


def has_any(flags: Flags) -> bool:
    """Return whether a flag is True; `flags.any()` takes three times as long for a few users.

    >>> has_any(np.array([False, True])), has_any(np.zeros(0, np.bool_))
    (True, False)
    """
    return bool(np.count_nonzero(flags))


def lengths_of(starts: Starts) -> Starts:
    """Return how many entries each of n users has, shape (n,); `np.diff` takes ten times as long for a few users.

    >>> lengths_of(np.array([0, 2, 2, 5])).tolist()
    [2, 0, 3]
    """
    lengths: Starts = starts[1:] - starts[:-1]
    return lengths


def starts_of(lengths: NDArray[Any]) -> Starts:
    """Return where the entries of each of n users begin, and where the last ones end, shape (n + 1,).

    >>> starts_of(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    lengths.cumsum(out=starts[1:])
    return starts


def entries_where(kept: Flags, starts: Starts, *columns: Any) -> tuple[Any, ...]:
    """Return the kept entries of compressed columns, behind where those of each user begin.

    >>> starts, rows = entries_where(np.array([True, False, True]), np.array([0, 2, 3]), np.array([5, 6, 7]))
    >>> starts.tolist(), rows.tolist()
    ([0, 1, 2], [5, 7])
    """
    return starts_of(kept)[starts], *(column[kept] for column in columns)


def part_of(users: Starts, starts: Starts, *columns: Any) -> tuple[Any, ...]:
    """Return the parts that some users have of compressed columns, behind where each of them begins.

    >>> starts, rows = part_of(np.array([0, 2]), np.array([0, 1, 2, 4]), np.array([5, 6, 7, 8]))
    >>> starts.tolist(), rows.tolist()
    ([0, 1, 3], [5, 7, 8])
    """
    lengths = lengths_of(starts)[users]
    own = starts_of(lengths)
    entries = (starts[users] - own[:-1]).repeat(lengths) + np.arange(own[-1])
    return own, *(column[entries] for column in columns)
