"""The outcomes of events, as workers report them, for requests that wait for those of their events."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from streams.messages.pulse import OutcomeSpan, Pulse

SPANS_MAX = 5000
"""Latest spans held for each partition."""
WAITING_MAX = 10_000
"""Requests that may wait at a time; a further one gets the outcomes so far."""
Place = tuple[int, int]
"""Partition and offset of an event."""


class _Waiter:
    """A request that waits.

    Attributes:
        outcomes: The outcomes so far.
        has_all: Set once every event has an outcome.
    """

    def __init__(self, outcomes: dict[Place, str], n_places: int) -> None:
        """Begin with the outcomes that are known."""
        self.outcomes, self._n_places = outcomes, n_places
        self.has_all = asyncio.Event()

    def take(self, place: Place, outcome: str) -> None:
        """Store the outcome of an event."""
        self.outcomes[place] = outcome
        if len(self.outcomes) == self._n_places:
            self.has_all.set()


class OutcomeFeed:
    """Holds the latest reports of all workers, and the events that requests wait for.

    A request searches the held reports once. A new report costs its own events, or those that are waited for in its
    partition, of which the fewer.
    """

    def __init__(self) -> None:
        self._spans: dict[int, deque[OutcomeSpan]] = {}
        self._awaited: dict[int, dict[int, list[_Waiter]]] = {}
        """By partition and offset of an event."""
        self._n_waiting = 0
        self._topic_id: str | None = None

    def on_pulse(self, pulse: Pulse) -> None:
        """Store the outcomes of a pulse, and give them to the requests that wait for them."""
        for span in pulse.outcomes:
            self._spans.setdefault(span.partition, deque(maxlen=SPANS_MAX)).append(span)
            self._distribute(span)

    def follow_topic(self, topic_id: str | None) -> None:
        """Drop the outcomes of an earlier topic of plays: its offsets are those of other events.

        Args:
            topic_id: Id of the topic of plays on the cluster; None: the broker that answered knows no such topic.
        """
        if topic_id is None or topic_id == self._topic_id:  # one broker may not know the topic for a moment
            return
        self._spans.clear()
        if self._topic_id is not None:
            self._awaited.clear()
        self._topic_id = topic_id

    async def wait(self, places: Sequence[Place], wait_s: float) -> Mapping[Place, str]:
        """Return the outcomes of events; those without a report when the time is up are left out."""
        waiter = _Waiter(self._held(places), len(set(places)))
        missing = [place for place in set(places) if place not in waiter.outcomes]
        if missing and self._n_waiting < WAITING_MAX:
            with self._registered(waiter, missing), suppress(TimeoutError):  # the outcomes so far are the answer
                async with asyncio.timeout(wait_s):
                    await waiter.has_all.wait()
        return waiter.outcomes

    @contextmanager
    def _registered(self, waiter: _Waiter, missing: Iterable[Place]) -> Iterator[None]:
        """Give reports on events to a request while the block lasts."""
        self._n_waiting += 1
        for partition, offset in missing:
            self._awaited.setdefault(partition, {}).setdefault(offset, []).append(waiter)
        try:
            yield
        finally:
            self._n_waiting -= 1
            for partition, offset in missing:
                self._forget(waiter, partition, offset)

    def _forget(self, waiter: _Waiter, partition: int, offset: int) -> None:
        awaited = self._awaited.get(partition, {})
        if waiter in awaited.get(offset, ()):
            awaited[offset].remove(waiter)
            if not awaited[offset]:
                del awaited[offset]

    def _distribute(self, span: OutcomeSpan) -> None:
        """Give the outcomes of a span to the requests that wait for them; the first report on an event counts."""
        awaited = self._awaited.get(span.partition)
        if not awaited:
            return
        for outcome, start, end in span.ranges():
            if end - start < len(awaited):
                reported = [offset for offset in range(start, end) if offset in awaited]
            else:
                reported = [offset for offset in awaited if start <= offset < end]
            for offset in reported:
                for waiter in awaited.pop(offset):
                    waiter.take((span.partition, offset), outcome)

    def _held(self, places: Sequence[Place]) -> dict[Place, str]:
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
