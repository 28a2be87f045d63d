"""Whether plays flow at the moment, and how long their groups take."""

import time
from collections.abc import Callable

FLOW_S = 1.0
"""Plays flow if a group of them was committed within so many seconds."""
SMOOTHING = 0.2
"""Weight of the latest group in the mean."""


class PlayFlow:
    """A moving mean of the seconds that groups of plays take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure by `clock`, whose seconds never go back."""
        self._clock = clock
        self._mean_s, self._last_at_s = 0.0, float("-inf")

    def add(self, seconds: float) -> None:
        """Add a group of plays that is durable now."""
        self._last_at_s = self._clock()
        self._mean_s += SMOOTHING * (seconds - self._mean_s)

    @property
    def group_s(self) -> float | None:
        """Return the seconds that a group of plays takes at the moment, None while no plays flow."""
        return self._mean_s if self._clock() - self._last_at_s < FLOW_S else None
