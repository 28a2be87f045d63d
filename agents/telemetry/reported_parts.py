"""The parts of a worker that its metrics and its pulse report on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.observers.latency_histogram import LatencyHistogram
from agents.observers.ordered import Observers
from state.generations.serving import Serving
from state.users.partition import PartitionState
from state.users.store import UserStore
from streams.messages.pulse import Republished


@dataclass(frozen=True, slots=True)
class ReportedParts:
    """The parts of a worker that its metrics and its pulse report on; none of them knows the reports.

    Attributes:
        serving: The generation in service.
        store: The partitions.
        observers: The counts of events, and the quality of lists.
        latencies: The times from the arrival of a play to its list.
        lost: Returns by partition the plays that Kafka deleted before they were processed.
        republishing: Returns the progress of the partitions whose lists are published again.
    """

    serving: Serving
    store: UserStore
    observers: Observers
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    lost: Callable[[], Mapping[int, int]] = dict
    republishing: Callable[[Mapping[int, PartitionState]], dict[int, Republished]] = lambda _states: {}
