"""How long plays took, in a histogram: as exact as it is asked for, and as small for a million plays as for one."""

import numpy as np
from numpy.typing import ArrayLike

PER_DOUBLING = 8
"""Steps of the histogram up to twice as long: a figure is at most 9 per cent too high."""
_STEPS = 32 * PER_DOUBLING  # up to 49 days


class Delays:
    """Counts delays by their length until they are asked for. Unlike a sample, it misses none of the longest."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts = np.zeros(_STEPS, np.int64)

    def add(self, milliseconds: ArrayLike) -> None:
        """Take delays in; what is below a millisecond, or before its time since two clocks differ, counts as one."""
        steps = np.ceil(PER_DOUBLING * np.log2(np.maximum(np.asarray(milliseconds, np.float64), 1.0)))
        self._counts += np.bincount(np.minimum(steps.astype(np.int64), _STEPS - 1), minlength=_STEPS)

    def take(self, *shares: float) -> list[float | None]:
        """Return the length that each share of the delays does not exceed, and begin again; None if there were none."""
        sums = np.cumsum(self._counts)
        self._counts = np.zeros(_STEPS, np.int64)
        if not sums[-1]:
            return [None] * len(shares)
        steps = np.searchsorted(sums, np.ceil(np.array(shares) * sums[-1]))
        return [round(float(found), 1) for found in np.exp2(steps / PER_DOUBLING)]
