"""The values of all topics but `plays` (`streams/messages/events.py`) and the changelog."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

DAY_MS = 86_400_000
ALL_KINDS = "all"
"""The key of the popular list of items of all kinds; a kind with this name has no separate list."""
_STATE_TOPICS = b"topics/"

UserId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="Id of the listener, 1 to 128 printable characters; also the record's key.",
    ),
]
ItemId = Annotated[
    str, Meta(min_length=1, max_length=128, description="Id of the item, 1 to 128 printable characters.")
]
EpochMs = Annotated[int, Meta(description="Milliseconds since 1970-01-01T00:00:00Z.")]
Duration = Annotated[int, Meta(ge=0, le=DAY_MS)]
Text = Annotated[str, Meta(max_length=512)]
Moment = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Milliseconds from 1970 until the end of the year 9999, which often stands for no end."""


def state_topics_key(group: str) -> bytes:
    """Return the key of a group's `StateTopics` on `generations`.

    >>> state_topics_key("playfold")
    b'topics/playfold'
    """
    return _STATE_TOPICS + group.encode()


def copied_plays_key(group: str) -> bytes:
    """Return the key of a group's `CopiedPlays` on `generations`.

    >>> copied_plays_key("playfold-p8")
    b'topics/copied/playfold-p8'
    """
    return _STATE_TOPICS + b"copied/" + group.encode()


def is_announcement_key(key: bytes | None) -> bool:
    """Return whether a record of `generations` is an announcement, by its key."""
    return key is None or not key.startswith(_STATE_TOPICS)


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's list, best item first; `items`, `scores` and, in an explained list, `because...` are parallel.

    A score is the exact sum of the contributions of plays: `sum(because_scores[i]) + because_rest[i] = scores[i]`.
    """

    user_id: UserId
    kind: Annotated[
        Literal["personal", "blended", "popular"],
        Meta(
            description="`personal`: from the listener's plays; `blended`: from these and from popularity, while the "
            "history is short; `popular`: the listener has no history yet."
        ),
    ]
    generation: Annotated[str, Meta(description="Id of the generation of all scores.")]
    revision: Annotated[int, Meta(ge=0, description="Revision of that generation.")]
    partition: Annotated[int, Meta(ge=0, description="Partition of the latest play on `plays`.")]
    offset: Annotated[int, Meta(ge=-1, description="Offset of the latest play that the list reflects; -1: none.")]
    epoch: Annotated[
        Annotated[int, Meta(ge=0, le=32767)] | msgspec.UnsetType,
        Meta(
            description="Epoch of the offset: how many topics of plays came before the one of the offset. Of two "
            "lists, the later one has the higher epoch, or the higher offset in the same epoch. Left out in epoch 0.",
        ),
    ] = msgspec.UNSET
    plays: Annotated[int, Meta(ge=0, description="Plays of the listener that the list reflects.")] = 0
    reason: Annotated[
        Literal["first", "generation", "repeated", "changed", "renewed"],
        Meta(
            description="Reason of its publication: the `first` list of the listener; another `generation`; `repeated` "
            "after a redelivered play; it `changed`; `renewed` before it expires."
        ),
    ] = "changed"
    made_at_ms: Annotated[EpochMs, Meta(description="Creation time of the list.")]
    expires_at_ms: Annotated[EpochMs, Meta(description="Time from which the list should not be shown.")]
    items: Annotated[list[str], Meta(description="Item ids, best first.")]
    scores: Annotated[
        list[float],
        Meta(
            description="Scores, by which the list is sorted: dot product of the vectors of listener and item; "
            "`blended`: plus the popular part of the item; `popular`: decayed number of all plays of the item."
        ),
    ]
    because: Annotated[
        list[list[str]],
        Meta(
            description="For each item the played items with the largest contributions to its score, positive or "
            "negative, at most `because_n`; empty if the list is popular or not explained."
        ),
    ] = []
    because_scores: Annotated[
        list[list[float]],
        Meta(description="Their contributions to the score of the item, the largest first."),
    ] = []
    because_rest: Annotated[
        list[float],
        Meta(description="For each item the contribution of all other plays; `blended`: plus its popular part."),
    ] = []
    private: Annotated[
        bool | msgspec.UnsetType,
        Meta(description="True: it reflects private plays, and must not be stored; otherwise left out."),
    ] = msgspec.UNSET


class PopularItems(msgspec.Struct, frozen=True, kw_only=True):
    """The most played items, as counted by the worker of a partition; `items` and `plays` are parallel."""

    kind: Annotated[str, Meta(description="Kind of the items in the catalog, or `all`; also the record's key.")]
    generation: Annotated[str, Meta(description="Id of the generation of these items.")]
    revision: Annotated[int, Meta(ge=0, description="Revision of that generation.")]
    as_of_ms: Annotated[
        EpochMs, Meta(description="Time at which a play counts 1: that of the latest counted play; 0: unknown.")
    ]
    made_at_ms: Annotated[EpochMs, Meta(description="Creation time of the list.")]
    items: Annotated[list[str], Meta(description="Item ids, most popular first.")]
    plays: Annotated[list[float], Meta(description="Decayed number of plays of each item at `as_of_ms`.")]


class RelatedItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items nearest to an item, nearest first; `items` and `cosines` are parallel."""

    item_id: ItemId
    generation: Annotated[str, Meta(description="Id of the generation whose item vectors were compared.")]
    items: Annotated[list[str], Meta(description="Item ids, nearest first.")]
    cosines: Annotated[list[float], Meta(description="The cosine of the angle between the vectors, at most 1.")]


class CatalogItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The metadata of an item. All fields but `item_id` are optional; unknown fields are ignored."""

    item_id: Annotated[
        str, Meta(min_length=1, max_length=128, description="The id of its plays; also the record's key.")
    ]
    title: Annotated[Text | None, Meta(description="Title, at most 512 characters.")] = None
    artist: Annotated[Text | None, Meta(description="Artist, at most 512 characters.")] = None
    kind: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(
            description="Kind, such as `song` or `podcast`, 1 to 64 characters; all items of a kind have the same text."
        ),
    ] = None
    available_from_ms: Annotated[
        Moment | None,
        Meta(description="Start of its availability in milliseconds since 1970; left out: no start."),
    ] = None
    available_until_ms: Annotated[
        Moment | None,
        Meta(description="End of its availability in milliseconds since 1970; left out: no end."),
    ] = None
    tags: Annotated[
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=32)],
        Meta(description="At most 32 words of 1 to 64 characters."),
    ] = ()


class RejectedPlay(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `plays` that does not decode, or a whole batch of records, with the reason and its bytes."""

    topic: Annotated[str, Meta(description="Topic of the record.")]
    partition: Annotated[int, Meta(ge=0, description="Partition of the record.")]
    offset: Annotated[int, Meta(ge=0, description="Offset of the record.")]
    reason: Annotated[str, Meta(description="Reason of the rejection.")]
    key: Annotated[bytes | None, Meta(description="Its key, in base64.")]
    value: Annotated[
        bytes | None,
        Meta(description="Its value, in base64. Of a batch: its bytes as Kafka has them, or a part."),
    ]
    last_offset: (
        Annotated[int, Meta(ge=0, description="Of a batch that does not decode: the last offset skipped with it.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The generation that all workers serve; the key is `serving`."""

    generation_id: Annotated[str, Meta(min_length=1, description="Id of the generation.")]
    revision: Annotated[
        int, Meta(ge=0, description="Its revision: a rebuilt index of the same generation is a new one.")
    ]
    announced_at_ms: Annotated[EpochMs, Meta(description="Time of the announcement.")]


class StateTopics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics that the workers' state belongs to, by the ids that Kafka gives a topic; key `topics/GROUP`."""

    plays_id: Annotated[str, Meta(description="Id of the topic of plays.")]
    changelog_id: Annotated[str, Meta(description="Id of the users changelog.")]
    epoch: Annotated[int, Meta(ge=0, description="How many topics of plays came before the present one.")]
    partitions: Annotated[int, Meta(ge=1, description="Number of their partitions.")]


class CopiedPlays(msgspec.Struct, frozen=True, kw_only=True):
    """The plays of an old topic that a copied state has, or its own topic; the key is `topics/copied/GROUP`."""

    plays_id: Annotated[str, Meta(description="Id of the old topic of plays.")]
    ends: Annotated[dict[int, int], Meta(description="By partition of it, the offset after the last of these plays.")]


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
