"""The times at which this gateway received plays, to measure how long their lists take."""

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_MAX = 10_000


class PlayLatency:
    """Remembers the latest plays by partition and offset."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no plays; `clock` returns seconds."""
        self._clock = clock
        self._came_at: OrderedDict[tuple[int, int], float] = OrderedDict()

    def came(self, partition: int, offset: int, at_s: float) -> None:
        """Take note of a play that came at a time, by the same clock."""
        self._came_at[partition, offset] = at_s
        if len(self._came_at) > REMEMBERED_MAX:
            self._came_at.popitem(last=False)

    def took_ms(self, partition: int, offset: int) -> float | None:
        """Return how many milliseconds ago a play came, None if it did not come through here."""
        came_at = self._came_at.get((partition, offset))
        return None if came_at is None else 1000 * (self._clock() - came_at)
