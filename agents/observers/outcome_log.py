"""The outcomes of single events, by partition and offset, for the senders that wait for those of their events."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes
from state.users.admission import OUTCOMES
from state.users.event_columns import EventColumns
from streams.messages.outcomes import FORGOTTEN, PRIVATE, REJECTED
from streams.messages.pulse import OutcomeSpan
from streams.positions import offset_of

NAMES = (*OUTCOMES, REJECTED, PRIVATE, FORGOTTEN)
EVENTS_MAX = 500_000
"""Events whose outcomes wait for the next pulse. Above it those of the oldest groups are dropped, without a report."""
RUNS_MAX, PULSE_RUNS_MAX = 50_000, 5000
"""Runs of equal outcomes that wait for room in a pulse, and those of a pulse. Above the first number the oldest spans
are dropped, and their events stay without a report."""
_FORGOTTEN = len(NAMES) - 1


class Places(NamedTuple):
    """The offsets of a partition's records in a group."""

    every: NDArray[np.int64]
    """All of them, in any order."""
    by_outcome: Mapping[str, list[int]]
    """Those of events that are not learned: `rejected`, `private`, `ignored`, and `wished` requests to be forgotten."""


class _GroupOutcomes(NamedTuple):
    """The outcomes of a partition's records in a group."""

    places: Places
    offsets: NDArray[np.int64]
    """The offsets of learned events."""
    codes: Codes
    """Their outcomes, indices into `OUTCOMES`."""


class OutcomeLog:
    """Collects outcomes of commit groups: staged while a group is folded, and confirmed once it is durable.

    A group only stores its arrays. Their spans are made when a pulse takes them, for all groups at once.
    One thread at a time uses it.

    Attributes:
        n_dropped: Groups and spans that were dropped before they were reported.
    """

    def __init__(self) -> None:
        self._staged: dict[int, _GroupOutcomes] = {}
        self._confirmed: deque[tuple[int, _GroupOutcomes]] = deque()
        self._spans: deque[OutcomeSpan] = deque()
        self._n_events = self._n_runs = self.n_dropped = 0

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
            self._staged[partition] = _GroupOutcomes(places[partition], events.offsets[part], codes[part])
            first += users

    def confirm(self, partitions: Collection[int]) -> None:
        """Confirm the staged outcomes of partitions; those of other partitions are dropped."""
        for partition, staged in self._staged.items():
            if partition in partitions:
                self._confirmed.append((partition, staged))
                self._n_events += len(staged.places.every)
        self._staged = {}
        while self._n_events > EVENTS_MAX:
            self.n_dropped += 1
            self._n_events -= len(self._confirmed.popleft()[1].places.every)

    def take(self) -> list[OutcomeSpan]:
        """Return confirmed outcomes that were not taken yet, as many as a pulse has room for."""
        self._make_spans()
        spans, n_runs = list[OutcomeSpan](), 0
        while self._spans and n_runs + len(self._spans[0].counts) <= PULSE_RUNS_MAX:
            spans.append(self._spans.popleft())
            n_runs += len(spans[-1].counts)
        self._n_runs -= n_runs
        return spans

    def _make_spans(self) -> None:
        """Make the spans of all confirmed groups."""
        by_partition: dict[int, list[_GroupOutcomes]] = {}
        for partition, group in self._confirmed:
            by_partition.setdefault(partition, []).append(group)
        self._confirmed.clear()
        self._n_events = 0
        for partition, groups in by_partition.items():
            for span in _spans(partition, groups):
                self._spans.append(span)
                self._n_runs += len(span.counts)
        while self._n_runs > RUNS_MAX:
            self.n_dropped += 1
            self._n_runs -= len(self._spans.popleft().counts)


def _spans(partition: int, groups: Sequence[_GroupOutcomes]) -> Iterator[OutcomeSpan]:
    """Yield the outcomes of a partition: a span for consecutive offsets, and of at most `PULSE_RUNS_MAX` runs."""
    columns = [_outcomes_of(group) for group in groups]
    offsets, outcomes = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    if not len(offsets):
        return
    is_gap = np.diff(offsets) != 1
    edges = np.flatnonzero(is_gap | (np.diff(outcomes) != 0)) + 1
    firsts = [0, *edges.tolist()]
    begins_span = [True, *is_gap[edges - 1].tolist()]
    counts = np.diff(firsts, append=len(offsets)).tolist()
    first, runs = 0, list[tuple[str, int]]()
    for place, begins, n in zip(firsts, begins_span, counts, strict=True):
        if runs and (begins or len(runs) == PULSE_RUNS_MAX):
            yield OutcomeSpan.of(partition, offset_of(int(offsets[first])), runs)
            runs = []
        first = first if runs else place
        runs.append((NAMES[outcomes[place]], n))
    yield OutcomeSpan.of(partition, offset_of(int(offsets[first])), runs)


def _outcomes_of(group: _GroupOutcomes) -> tuple[NDArray[np.int64], Codes]:
    """Return the offsets of a group's records, ascending, and their outcomes, indices into `NAMES`."""
    offsets = np.unique(group.places.every)
    outcomes = np.full(len(offsets), _FORGOTTEN, np.uint8)  # events before a request to be forgotten are not learned
    outcomes[np.searchsorted(offsets, group.offsets)] = group.codes
    for name, of_outcome in group.places.by_outcome.items():
        outcomes[np.searchsorted(offsets, of_outcome)] = NAMES.index(name)
    return offsets, outcomes
