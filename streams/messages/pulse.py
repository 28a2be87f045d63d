"""The values of `pulse`: the health of a worker, the quality of its lists, and the outcomes of events."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from streams.messages.fields import EpochMs


class Share(msgspec.Struct, frozen=True):
    """An estimate with its 95 % interval."""

    value: Annotated[float, Meta(description="The estimate.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    high: Annotated[float, Meta(description="Upper end of its interval.")]


class ListQuality(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of one kind of list, by the ranks of the items that were played."""

    hit_at_10: Annotated[Share, Meta(description="Share of the plays whose item was among the first 10.")]
    hit_at_50: Annotated[Share, Meta(description="The same for the first 50, or the whole list if it is shorter.")]
    mrr_at_50: Annotated[Share, Meta(description="Mean of 1 / rank, 0 beyond the 50th.")]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of personal lists and of the popular list, by the same plays."""

    plays: Annotated[int, Meta(ge=1, description="Plays that were scored.")]
    own: Annotated[ListQuality, Meta(description="Quality of personal lists.")]
    popular: Annotated[ListQuality, Meta(description="Quality of the popular list.")]


class LiveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of lists by the latest plays that a worker scored, at most 10,000."""

    every: Annotated[Compared, Meta(description="By all plays.")]
    by_history: Annotated[
        dict[str, Compared],
        Meta(description="By the length of the history: `new` up to 4 items, `few` up to 19, or `many`."),
    ]
    fresh: Annotated[Compared | None, Meta(description="By plays of items with fewer than 20 plays in the training.")]
    by_generation: Annotated[dict[str, Compared], Meta(description="By the generation that made the list.")]


class OutcomeSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of consecutive events of a partition of `plays`; `outcomes` and `counts` are parallel."""

    partition: Annotated[int, Meta(description="The partition.")]
    first: Annotated[int, Meta(description="Offset of the first event.")]
    outcomes: Annotated[list[str], Meta(description="Outcomes in the order of offsets.")]
    counts: Annotated[list[int], Meta(description="For each, the number of consecutive events that have it.")]

    @classmethod
    def of(cls, partition: int, first: int, runs: Sequence[tuple[str, int]]) -> Self:
        """Return a span of outcomes with their counts."""
        return cls(partition=partition, first=first, outcomes=[name for name, _ in runs], counts=[n for _, n in runs])

    @property
    def end(self) -> int:
        """Return the offset after the last event."""
        return self.first + sum(self.counts)

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Yield outcomes with the first offset of each, and the offset after the last one."""
        first = self.first
        for outcome, n in zip(self.outcomes, self.counts, strict=False):
            yield outcome, first, first + n
            first += n


class Republished(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a worker that publishes the lists of a partition again, since their topic was made again."""

    done: Annotated[int, Meta(ge=0, description="Listeners that the worker has reached.")]
    of_about: Annotated[int, Meta(ge=0, description="About how many there are.")]


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The health of a worker, published regularly, without data about listeners. Counts are since its start."""

    instance: Annotated[str, Meta(description="Name of the worker; also the record's key.")]
    at_ms: Annotated[EpochMs, Meta(description="Time of the pulse.")]
    started_at_ms: Annotated[EpochMs, Meta(description="Start time of the worker.")]
    generation: Annotated[str | None, Meta(description="Id of the generation in service.")]
    revision: Annotated[int, Meta(ge=0, description="Its revision.")]
    partitions: Annotated[list[int], Meta(description="Partitions that the worker owns.")]
    partitions_swept: Annotated[
        list[int], Meta(description="Partitions whose users are all folded in under the generation.")
    ]
    events: Annotated[dict[str, int], Meta(description="Events of `plays` by outcome.")]
    events_per_s: Annotated[float, Meta(ge=0, description="Events per second since the previous pulse.")]
    p50_ms: Annotated[
        float | None,
        Meta(
            description="Median of the milliseconds from the arrival of a play to its list, since the previous pulse."
        ),
    ]
    p99_ms: Annotated[float | None, Meta(description="99th percentile of the same.")]
    quality: Annotated[LiveFigures | None, Meta(description="Quality of the lists; null before the first scored play.")]
    plays_lost: Annotated[
        int, Meta(ge=0, description="Plays that Kafka deleted before the worker could process them.")
    ] = 0
    arrivals: Annotated[
        dict[str, int],
        Meta(
            description="Records of `plays` that were read, and of those the `rejected`, the `misplaced` on another "
            "partition than their key's, and those whose time was `ahead` of the clock."
        ),
    ] = {}
    odd_hints: Annotated[
        dict[str, int], Meta(description="Optional fields of plays with impossible values, by name.")
    ] = {}
    outcomes: Annotated[
        list[OutcomeSpan], Meta(description="The outcomes of the events committed since the previous pulse.")
    ] = []
    catalog_places: Annotated[
        dict[int, int],
        Meta(description="By partition of the catalog, the offset before which the worker has taken in all records."),
    ] = {}
    catalog_id: Annotated[str, Meta(description="Id of the catalog's topic that these offsets are of.")] = ""
    republishing: Annotated[
        dict[int, Republished],
        Meta(
            description="Partitions whose lists are published again, since `recommendations` was made again, with the "
            "progress of each."
        ),
    ] = {}
