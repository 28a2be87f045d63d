"""Waits until workers have taken in records of the catalog that this process has sent."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from streams.messages.pulse import Pulse
from streams.readers.pulse_watch import LIVE_S, PulseWatch


class _Report(NamedTuple):
    """The latest pulse of a worker."""

    heard_at: float
    places: Mapping[int, int]
    topic_id: str
    """Empty if the worker is of an older version."""


class CatalogWatch(PulseWatch):
    """Counts the running workers that have taken in all expected records; each worker reads the whole catalog.

    Places in a topic that was deleted since say nothing of the present one.

    Attributes:
        topic_id: Id of the topic that has the expected records; empty if it is not known.
    """

    def __init__(self) -> None:
        """Expect no records."""
        super().__init__()
        self._ends: dict[int, int] = {}
        self._reports: dict[str, _Report] = {}
        self.topic_id = ""

    def expect(self, partition: int, last: int) -> None:
        """Expect workers to take in the records of a partition up to an offset."""
        self._ends[partition] = max(self._ends.get(partition, 0), last + 1)

    def begin(self, latest: Mapping[str, tuple[Pulse, float]]) -> None:
        """Take in the latest pulses; a worker that runs is awaited from the start."""
        super().begin(latest)
        for pulse, ago_s in latest.values():
            self.take(pulse, self._began_at - max(0.0, ago_s))

    def take(self, pulse: Pulse, heard_at: float) -> None:
        """Take in the places that a worker reports, and forget workers that have ended."""
        running = {name: report for name, report in self._reports.items() if report.heard_at > heard_at - LIVE_S}
        self._reports = running | {pulse.instance: _Report(heard_at, pulse.catalog_places, pulse.catalog_id)}

    @property
    def n_ready(self) -> int:
        """Return the number of running workers that have taken in all expected records."""
        return sum(self._is_ready(report) for report in self._running())

    @property
    def n_waiting(self) -> int:
        """Return the number of the other running workers."""
        return len(self._running()) - self.n_ready

    @property
    def is_awaiting(self) -> bool:
        """Return whether a running worker has to take in an expected record, or is not known to run."""
        return self.n_waiting > 0 or self.is_unheard

    def _running(self) -> list[_Report]:
        oldest = time.monotonic() - LIVE_S
        return [report for report in self._reports.values() if report.heard_at > oldest]

    def _is_ready(self, report: _Report) -> bool:
        is_same = "" in (self.topic_id, report.topic_id) or report.topic_id == self.topic_id
        return is_same and all(report.places.get(partition, 0) >= end for partition, end in self._ends.items())
