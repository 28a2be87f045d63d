"""When plays came in that were sent through this gateway, to tell how long their lists took."""

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_MAX = 10_000


class PlayLatency:
    """Remembers plays by where they stand, the latest of them."""

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
