"""The observers of a worker, in the order in which they see a group."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.group_context import GroupObserver
from agents.observers.arrival_counts import ArrivalCounts
from agents.observers.live_quality import LiveQuality
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.outcome_log import OutcomeLog
from agents.observers.popularity import PopularityObserver
from state.catalog.item_catalog import ItemCatalog
from state.lists.popularity import LivePopularity
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Observers:
    """The observers of a worker.

    Iteration yields them in order. Live quality comes before popularity: a play is scored against the popular list of
    before, so it must not be counted in that list yet.

    Attributes:
        outcome_counts: Counts events by outcome.
        live_quality: Scores plays; None if the settings turn it off.
        popularity: Counts plays for the popular list.
        arrival_counts: Counts records before they are learned; the iteration leaves it out.
        outcome_log: Collects the outcomes of single events; the iteration leaves it out, too.
    """

    outcome_counts: OutcomeCounts
    live_quality: LiveQuality | None
    popularity: PopularityObserver
    arrival_counts: ArrivalCounts = field(default_factory=ArrivalCounts)
    outcome_log: OutcomeLog = field(default_factory=OutcomeLog)

    def __iter__(self) -> Iterator[GroupObserver]:
        """Yield the observers in the order in which they see a group."""
        yield self.outcome_counts
        if self.live_quality is not None:
            yield self.live_quality
        yield self.popularity


def make_observers(settings: Settings, popularity: LivePopularity, catalog: ItemCatalog) -> Observers:
    """Return the observers of a worker that counts plays in `popularity`."""
    live_quality = LiveQuality(settings, popularity, catalog) if settings.telemetry.live_quality else None
    return Observers(OutcomeCounts(), live_quality, PopularityObserver(popularity))
