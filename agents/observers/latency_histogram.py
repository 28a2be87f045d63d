"""Latencies of plays in a histogram of constant size."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

PER_DOUBLING = 8
"""Steps of the histogram per doubling: a quantile is at most 9 per cent too high."""
_STEPS = 32 * PER_DOUBLING  # up to 49 days
DOUBLINGS = 17
"""Bounds of the exported histogram: a millisecond, two, four and so on, up to 66 seconds."""


class AllLatencies(NamedTuple):
    """All latencies since the start, as Prometheus counts them."""

    up_to: dict[float, int]
    """Number of latencies up to a bound, by the bound in seconds."""
    n: int
    sum_s: float


class LatencyHistogram:
    """Counts latencies by length. Unlike a sample, it never misses the longest ones.

    One thread adds and takes; another may read `all` meanwhile.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_STEPS, np.int64)
        self._total = np.zeros(_STEPS, np.int64)
        self._sum_ms = 0.0

    def add(self, milliseconds: ArrayLike) -> None:
        """Add latencies; one below a millisecond, or below 0 since two clocks differ, counts as a millisecond."""
        lengths = np.maximum(np.asarray(milliseconds, np.float64), 1.0)
        steps = np.ceil(PER_DOUBLING * np.log2(lengths))
        counts = np.bincount(np.minimum(steps.astype(np.int64), _STEPS - 1), minlength=_STEPS)
        self._counts += counts
        self._total += counts
        self._sum_ms += float(lengths.sum())

    def take(self, *quantiles: float) -> list[float | None]:
        """Return the given quantiles of the latencies since the last call, in milliseconds; None without any."""
        sums = np.cumsum(self._counts)
        self._counts = np.zeros(_STEPS, np.int64)
        if not sums[-1]:
            return [None] * len(quantiles)
        steps = np.searchsorted(sums, np.ceil(np.array(quantiles) * sums[-1]))
        return [round(float(length), 1) for length in np.exp2(steps / PER_DOUBLING)]

    def all(self) -> AllLatencies:
        """Return all latencies since the start."""
        sums = np.cumsum(self._total)
        bounds = (2**doubling for doubling in range(DOUBLINGS))
        up_to = {bound / 1000: int(sums[PER_DOUBLING * doubling]) for doubling, bound in enumerate(bounds)}
        return AllLatencies(up_to, int(sums[-1]), self._sum_ms / 1000)
