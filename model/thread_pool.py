"""Work on independent rows, shared by threads: for kernels that leave the interpreter's lock."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from model.arrays import Starts

PARTS_A_THREAD = 16
"""Parts are handed out one after the other, so a thread that lost its core for a while holds nobody up."""


def share(work: Callable[[slice], None], parts: Sequence[slice], threads: int) -> None:
    """Do every part of some work once, on so many threads."""
    if threads == 1 or len(parts) == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, parts):
            pass


def even_parts(starts: Starts, threads: int) -> list[slice]:
    """Cut compressed rows into parts with about as many entries each; one thread gets them all in one.

    >>> even_parts(np.array([0, 90, 91, 92]), 1)
    [slice(0, 3, None)]
    """
    n = len(starts) - 1
    if threads == 1:
        return [slice(0, n)]
    entries = np.linspace(starts[0], starts[-1], threads * PARTS_A_THREAD + 1)
    bounds = np.unique(np.concatenate(([0], np.searchsorted(starts, entries[1:-1]), [n])))
    return [slice(int(low), int(high)) for low, high in pairwise(bounds)]
