"""Requests a second of a client, limited by a token bucket per address."""

import math
from collections import OrderedDict

CLIENTS_MAX = 10_000
"""Largest number of remembered clients, the latest ones. A forgotten client starts with a full bucket."""
BURST_S = 2.0
"""A client that was quiet may send as many at once as in so many seconds."""


class RateLimit:
    """Counts the requests of clients. Ten lines of our own, for the libraries hold a thread or a server for it."""

    def __init__(self, per_s: float) -> None:
        """Let each client send so many a second; 0: any."""
        self._per_s, self._burst = per_s, max(1.0, per_s * BURST_S)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str, now_s: float) -> int:
        """Take one request of a client at a time; return 0, or the whole seconds after which it may come again."""
        if not self._per_s:
            return 0
        tokens, at_s = self._buckets.pop(client, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - at_s) * self._per_s)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now_s)
        if len(self._buckets) > CLIENTS_MAX:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - tokens) / self._per_s))
