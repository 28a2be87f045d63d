"""The outcomes of events, as workers report them in their pulses."""

from collections import Counter
from collections.abc import Iterable

from streams.messages.pulse import OutcomeSpan

LEARNED = frozenset({"learnt", "trimmed"})
"""Outcomes of a signal that is in its listener's history."""
REJECTED, PRIVATE, FORGOTTEN, IGNORED, WISHED = "rejected", "private", "forgotten", "ignored", "wished"


class AwaitedOutcomes:
    """The offsets of events whose outcomes are awaited, and the outcomes so far.

    Attributes:
        counts: Events by outcome. Of two reports on an event the first one counts: a later one is on its redelivery.
    """

    def __init__(self) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        self.counts: Counter[str] = Counter()

    @property
    def n_awaited(self) -> int:
        """Return the number of events without an outcome."""
        return sum(end - start for ranges in self._ranges.values() for start, end in ranges)

    def expect(self, partition: int, first: int, end: int) -> None:
        """Await the events from one offset up to, not including, another."""
        ranges = self._ranges.setdefault(partition, [])
        if ranges and ranges[-1][1] == first:
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((first, end))

    def take(self, spans: Iterable[OutcomeSpan]) -> None:
        """Count the outcomes of awaited events."""
        for span in spans:
            if span.partition in self._ranges:
                for outcome, first, end in span.ranges():
                    self._take(span.partition, outcome, first, end)

    def _take(self, partition: int, outcome: str, first: int, end: int) -> None:
        left = []
        for start, stop in self._ranges[partition]:
            low, high = max(start, first), min(stop, end)
            if low >= high:
                left.append((start, stop))
                continue
            self.counts[outcome] += high - low
            left += [part for part in ((start, low), (high, stop)) if part[0] < part[1]]
        self._ranges[partition] = left
