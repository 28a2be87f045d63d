"""How long plays took, in a histogram: as exact as it is asked for, and as small for a million plays as for one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

PER_DOUBLING = 8
"""Steps of the histogram up to twice as long: a figure is at most 9 per cent too high."""
_STEPS = 32 * PER_DOUBLING  # up to 49 days
DOUBLINGS = 17
"""Bounds that are told of all delays together: a millisecond, twice as much, and so on, up to 66 seconds."""


class AllLatencies(NamedTuple):
    """All delays since the beginning, as Prometheus counts."""

    up_to: dict[float, int]
    """How many were not longer than so many seconds."""
    n: int
    sum_s: float


class LatencyHistogram:
    """Counts delays by their length until they are asked for. Unlike a sample, it misses none of the longest.

    One thread adds and takes; another may ask for all of them meanwhile.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._counts = np.zeros(_STEPS, np.int64)
        self._total = np.zeros(_STEPS, np.int64)
        self._sum_ms = 0.0

    def add(self, milliseconds: ArrayLike) -> None:
        """Take delays in; what is below a millisecond, or before its time since two clocks differ, counts as one."""
        lengths = np.maximum(np.asarray(milliseconds, np.float64), 1.0)
        steps = np.ceil(PER_DOUBLING * np.log2(lengths))
        counts = np.bincount(np.minimum(steps.astype(np.int64), _STEPS - 1), minlength=_STEPS)
        self._counts += counts
        self._total += counts
        self._sum_ms += float(lengths.sum())

    def take(self, *shares: float) -> list[float | None]:
        """Return the length that each share of the delays does not exceed, and begin again; None if there were none."""
        sums = np.cumsum(self._counts)
        self._counts = np.zeros(_STEPS, np.int64)
        if not sums[-1]:
            return [None] * len(shares)
        steps = np.searchsorted(sums, np.ceil(np.array(shares) * sums[-1]))
        return [round(float(found), 1) for found in np.exp2(steps / PER_DOUBLING)]

    def all(self) -> AllLatencies:
        """Return all delays since the beginning, whatever was taken of them."""
        sums = np.cumsum(self._total)
        bounds = (2**doubling for doubling in range(DOUBLINGS))
        up_to = {bound / 1000: int(sums[PER_DOUBLING * doubling]) for doubling, bound in enumerate(bounds)}
        return AllLatencies(up_to, int(sums[-1]), self._sum_ms / 1000)
