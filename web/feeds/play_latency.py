"""The times at which this gateway received plays, to measure how long their lists take."""

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_MAX = 10_000


class PlayLatency:
    """Remembers the latest plays by partition and position: an offset may be that of another topic of plays."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no plays; `clock` returns seconds."""
        self._clock = clock
        self._came_at: OrderedDict[tuple[int, int], float] = OrderedDict()

    def came(self, partition: int, position: int, at_s: float) -> None:
        """Store the time of a play, by the same clock."""
        self._came_at[partition, position] = at_s
        if len(self._came_at) > REMEMBERED_MAX:
            self._came_at.popitem(last=False)

    def took_ms(self, partition: int, position: int) -> float | None:
        """Return how many milliseconds ago a play came, None if it did not come through here."""
        came_at = self._came_at.get((partition, position))
        return None if came_at is None else 1000 * (self._clock() - came_at)
