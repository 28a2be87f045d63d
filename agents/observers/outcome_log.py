"""The outcomes of single events, by partition and offset, for the senders that wait for those of their events."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes
from state.users.event_columns import EventColumns
from state.users.learn import OUTCOMES
from streams.messages.outcomes import FORGOTTEN, PRIVATE, REJECTED
from streams.messages.records import OutcomeSpan
from streams.positions import offset_of

NAMES = (*OUTCOMES, REJECTED, PRIVATE, FORGOTTEN)
RUNS_MAX, PULSE_RUNS_MAX = 50_000, 5000
"""Runs of equal outcomes that wait to be reported, and those of a pulse. Above the first number the oldest spans are
dropped, and their events stay without a report."""
_FORGOTTEN = len(NAMES) - 1


class Places(NamedTuple):
    """The offsets of a partition's records in a group."""

    every: NDArray[np.int64]
    """All of them, in any order."""
    by_outcome: Mapping[str, list[int]]
    """Those of events that are not learned: `rejected`, `private`, `ignored`, and `wished` requests to be forgotten."""


class OutcomeLog:
    """Collects outcomes of commit groups: staged while a group is folded, and confirmed once it is durable.

    One thread at a time uses it.

    Attributes:
        n_dropped: Spans that were dropped before they were reported.
    """

    def __init__(self) -> None:
        self._staged: dict[int, list[OutcomeSpan]] = {}
        self._confirmed: deque[OutcomeSpan] = deque()
        self._n_runs = self.n_dropped = 0

    def stage(
        self, places: Mapping[int, Places], n_users: Mapping[int, int], events: EventColumns, codes: Codes
    ) -> None:
        """Replace the staged outcomes by those of a group.

        Args:
            places: The records of every partition.
            n_users: Users of every partition, in the order of the events.
            events: The events that were learned.
            codes: The outcome of each, an index into `OUTCOMES`.
        """
        self._staged, first = {}, 0
        for partition, users in n_users.items():
            part = slice(events.starts[first], events.starts[first + users])
            learned = events.offsets[part], codes[part]
            self._staged[partition] = list(_spans(partition, places[partition], *learned))
            first += users

    def confirm(self, partitions: Collection[int]) -> None:
        """Confirm the staged outcomes of partitions; those of other partitions are dropped."""
        for partition, spans in self._staged.items():
            if partition in partitions:
                for span in spans:
                    self._append(span)
        self._staged = {}
        while self._n_runs > RUNS_MAX:
            self.n_dropped += 1
            self._n_runs -= len(self._confirmed.popleft().counts)

    def _append(self, span: OutcomeSpan) -> None:
        """Add a span, or extend the one before it."""
        latest = self._confirmed[-1] if self._confirmed else None
        if latest is None or latest.partition != span.partition or latest.end != span.first:
            self._confirmed.append(span)
            self._n_runs += len(span.counts)
            return
        outcomes, counts = [*latest.outcomes], [*latest.counts]
        for outcome, n in zip(span.outcomes, span.counts, strict=True):
            if outcomes[-1] == outcome:
                counts[-1] += n
            else:
                outcomes.append(outcome)
                counts.append(n)
        self._n_runs += len(counts) - len(latest.counts)
        self._confirmed[-1] = msgspec.structs.replace(latest, outcomes=outcomes, counts=counts)

    def take(self) -> list[OutcomeSpan]:
        """Return confirmed outcomes that were not taken yet, as many as a pulse has room for."""
        spans, n_runs = list[OutcomeSpan](), 0
        while self._confirmed and (not spans or n_runs + len(self._confirmed[0].counts) <= PULSE_RUNS_MAX):
            spans.append(self._confirmed.popleft())
            n_runs += len(spans[-1].counts)
        self._n_runs -= n_runs
        return spans


def _spans(partition: int, places: Places, offsets: NDArray[np.int64], codes: Codes) -> Iterator[OutcomeSpan]:
    """Yield the outcomes of a partition, one span for every run of consecutive offsets."""
    every = np.unique(places.every)
    if not len(every):
        return
    outcomes = np.full(len(every), _FORGOTTEN, np.uint8)  # events before a request to be forgotten are not learned
    outcomes[np.searchsorted(every, offsets)] = codes
    for name, of_outcome in places.by_outcome.items():
        outcomes[np.searchsorted(every, of_outcome)] = NAMES.index(name)
    breaks = [0, *(np.flatnonzero(np.diff(every) != 1) + 1).tolist(), len(every)]
    for start, end in pairwise(breaks):
        part = outcomes[start:end]
        edges = np.concatenate(([0], np.flatnonzero(np.diff(part)) + 1, [len(part)]))
        runs = [(NAMES[code], n) for code, n in zip(part[edges[:-1]].tolist(), np.diff(edges).tolist(), strict=True)]
        yield OutcomeSpan.of(partition, offset_of(int(every[start])), runs)
