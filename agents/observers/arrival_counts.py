"""The records of `plays` as they arrived, counted since the worker was started."""

from collections import Counter
from typing import NamedTuple

from streams.messages.odd_hints import HINTS


class Arrivals(NamedTuple):
    """The records of a group. A redelivered record counts again."""

    n_records: int
    n_rejected: int
    """Records that could not be read."""
    n_misplaced: int
    """Events on a partition that is not the one of their key."""
    n_ahead: int
    """Signals that count as of their arrival, since their own time was still to come."""
    odd_hints: Counter[str]
    """Ignored optional fields by name."""


class ArrivalCounts:
    """Counts arrivals; one thread counts, others may read. A group that is folded again is counted again.

    Attributes:
        counts: Records by the names of `Arrivals`, without `n_`.
        odd_hints: Ignored optional fields by name.
    """

    def __init__(self) -> None:
        self.counts = {"records": 0, "rejected": 0, "misplaced": 0, "ahead": 0}
        self.odd_hints = dict.fromkeys(HINTS, 0)

    def add(self, arrivals: Arrivals) -> None:
        """Count the records of a group."""
        for name in self.counts:
            self.counts[name] += getattr(arrivals, f"n_{name}")
        for name, n in arrivals.odd_hints.items():
            self.odd_hints[name] += n
