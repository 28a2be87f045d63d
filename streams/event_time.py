"""The time as of which an event counts: its own time, or its arrival if it claims to come from the future.

One rule everywhere: workers, private sessions, popularity, `trace` and the evaluator use this function. The arrival is
the timestamp of the record, not the clock of the worker, so reading a topic again gives the same histories.
"""

EARLIEST_MS = 631_152_000_000
"""The first time that an event can have: 1990."""
CLOCK_SKEW_MS = 60_000
"""By how much the clock of a producer may be ahead of the worker's clock."""


def counted_at_ms(played_at_ms: int, arrived_at_ms: int, now_ms: int) -> int:
    """Return the time as of which an event counts, in milliseconds since 1970.

    Args:
        played_at_ms: The time that the event names.
        arrived_at_ms: The timestamp of its record. Before 1990, or more than a minute ahead of the clock, it is no
            time of arrival, and the present time takes its place.
        now_ms: The present time.

    >>> counted_at_ms(1_700_000_000_000, 1_700_000_000_250, 1_700_000_000_300)
    1700000000000
    >>> counted_at_ms(4_050_000_000_000, 1_700_000_000_250, 1_700_000_000_300)
    1700000000250
    """
    if played_at_ms <= arrived_at_ms <= now_ms:
        return played_at_ms  # nearly every event
    is_arrival = EARLIEST_MS <= arrived_at_ms <= now_ms + CLOCK_SKEW_MS
    return min(played_at_ms, arrived_at_ms if is_arrival else now_ms)
