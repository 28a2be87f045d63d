"""The outcomes of events, as workers report them, for requests that wait for those of their events."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from streams.messages.records import OutcomeSpan
from streams.readers.latest_pulse import read_pulse

SPANS_MAX = 5000
"""Latest spans held for each partition."""
Place = tuple[int, int]
"""Partition and offset of an event."""


class OutcomeFeed:
    """Holds the latest reports of all workers."""

    def __init__(self) -> None:
        self._spans: dict[int, deque[OutcomeSpan]] = {}
        self._came = asyncio.Event()

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store the outcomes of a pulse; ignore a record that does not decode."""
        pulse = read_pulse(key, value)
        if pulse is None or not pulse.outcomes:
            return
        for span in pulse.outcomes:
            self._spans.setdefault(span.partition, deque(maxlen=SPANS_MAX)).append(span)
        self._came.set()
        self._came = asyncio.Event()

    async def wait(self, places: Sequence[Place], wait_s: float) -> Mapping[Place, str]:
        """Return the outcomes of events; those without a report when the time is up are left out."""
        outcomes: dict[Place, str] = {}
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    came = self._came
                    outcomes |= self._outcomes([place for place in places if place not in outcomes])
                    if len(outcomes) == len(places):
                        return outcomes
                    await came.wait()
        except TimeoutError:
            return outcomes

    def _outcomes(self, places: Sequence[Place]) -> dict[Place, str]:
        """Return the outcomes of events so far; of two reports on an event the first one counts."""
        by_partition: dict[int, list[int]] = {}
        for partition, offset in places:
            by_partition.setdefault(partition, []).append(offset)
        outcomes: dict[Place, str] = {}
        for partition, offsets in by_partition.items():
            first, last = min(offsets), max(offsets)
            for span in self._spans.get(partition, ()):
                if span.first > last or span.end <= first:
                    continue
                for outcome, start, end in span.ranges():
                    for offset in offsets:
                        if start <= offset < end:
                            outcomes.setdefault((partition, offset), outcome)
        return outcomes
