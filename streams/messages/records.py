"""What travels: the value of every topic but `plays` (`streams/messages/events.py`) and the changelog."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DAY_MS = 86_400_000
ALL_KINDS = "all"
"""The name of the popular list of items of whatever kind; a kind of that name has none of its own."""

UserId = Annotated[
    str,
    Meta(
        min_length=1, max_length=128, description="Who listens: 1 to 128 printable characters; also the record's key."
    ),
]
ItemId = Annotated[
    str, Meta(min_length=1, max_length=128, description="What is played: 1 to 128 printable characters.")
]
EpochMs = Annotated[int, Meta(description="Milliseconds since 1970-01-01T00:00:00Z.")]
Duration = Annotated[int, Meta(ge=0, le=DAY_MS)]
Text = Annotated[str, Meta(max_length=512)]
Moment = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Milliseconds from 1970 until the end of the year 9999, by which many say that something has no end."""


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's list, best first; `items`, `scores` and, where the list is explained, `because...` are parallel.

    A score is split over the listener's own plays, exactly: `sum(because_scores[i]) + because_rest[i] = scores[i]`.
    """

    user_id: UserId
    kind: Annotated[
        Literal["personal", "blended", "popular"],
        Meta(
            description="`personal`: from the listener's own plays; `blended`: from these and from what is popular, as "
            "long as little is known of them; `popular`: nothing is known of them yet."
        ),
    ]
    generation: Annotated[str, Meta(description="Id of the generation that every score was computed with.")]
    revision: Annotated[int, Meta(ge=0, description="Revision of that generation.")]
    partition: Annotated[int, Meta(ge=0, description="Partition of `plays` that the latest play came from.")]
    offset: Annotated[int, Meta(ge=-1, description="Offset of the latest play that the list reflects; -1: none.")]
    plays: Annotated[int, Meta(ge=0, description="Plays of the listener that the list reflects.")] = 0
    reason: Annotated[
        Literal["first", "generation", "repeated", "changed", "renewed"],
        Meta(
            description="Why it was published: the `first` one of its listener; another `generation`; a play that was "
            "delivered again, so the list is `repeated`; it `changed`; it grew old and is `renewed`."
        ),
    ] = "changed"
    made_at_ms: Annotated[EpochMs, Meta(description="When the list was made.")]
    expires_at_ms: Annotated[EpochMs, Meta(description="When the list should no longer be shown.")]
    items: Annotated[list[str], Meta(description="Item ids, best first.")]
    scores: Annotated[
        list[float],
        Meta(
            description="What the list is sorted by: the listener's vector times the item's; `blended`: more than that "
            "by the item's popular part; `popular`: what all plays of the item are worth."
        ),
    ]
    because: Annotated[
        list[list[str]],
        Meta(
            description="For each item the played items that add most to its score, or take most from it, at most "
            "`because_n`; empty if the list is popular, or not explained."
        ),
    ] = []
    because_scores: Annotated[
        list[list[float]],
        Meta(description="What each of them adds to the item's score, below 0 if it takes; the largest first."),
    ] = []
    because_rest: Annotated[
        list[float],
        Meta(
            description="For each item what all other plays together add to its score; `blended`: and its popular part."
        ),
    ] = []
    private: Annotated[
        bool | msgspec.UnsetType,
        Meta(description="True: it reflects what was played in private, and must be kept nowhere; else left out."),
    ] = msgspec.UNSET


class PopularItems(msgspec.Struct, frozen=True, kw_only=True):
    """What listeners play most, as the worker that owns a partition knows it; `items` and `plays` are parallel."""

    kind: Annotated[str, Meta(description="Kind of the items by the catalog, or `all`; also the record's key.")]
    generation: Annotated[str, Meta(description="Id of the generation that knows these items.")]
    revision: Annotated[int, Meta(ge=0, description="Revision of that generation.")]
    as_of_ms: Annotated[
        EpochMs, Meta(description="When a play counts 1: that of the latest play counted; 0: not known.")
    ]
    made_at_ms: Annotated[EpochMs, Meta(description="When the list was made.")]
    items: Annotated[list[str], Meta(description="Item ids, most popular first.")]
    plays: Annotated[
        list[float], Meta(description="What the plays of each are worth, halved with the time before `as_of_ms`.")
    ]


class RelatedItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items nearest to an item, nearest first; `items` and `cosines` are parallel."""

    item_id: ItemId
    generation: Annotated[str, Meta(description="Id of the generation whose item vectors were compared.")]
    items: Annotated[list[str], Meta(description="Item ids, nearest first.")]
    cosines: Annotated[list[float], Meta(description="The cosine of the angle between the vectors, at most 1.")]


class CatalogItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of an item besides its plays; all but `item_id` may be left out, unknown fields are ignored."""

    item_id: Annotated[
        str, Meta(min_length=1, max_length=128, description="The id of its plays; also the record's key.")
    ]
    title: Annotated[Text | None, Meta(description="What it is called, at most 512 characters.")] = None
    artist: Annotated[Text | None, Meta(description="Who made it, at most 512 characters.")] = None
    kind: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(description="What it is, as `song` or `podcast`: 1 to 64 characters, the same for all of its kind."),
    ] = None
    available_from_ms: Annotated[
        Moment | None,
        Meta(description="From when on it may be in lists, in milliseconds since 1970; left out: since ever."),
    ] = None
    available_until_ms: Annotated[
        Moment | None,
        Meta(description="From when on it may not be in lists any more, in milliseconds since 1970; left out: never."),
    ] = None
    tags: Annotated[
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=32)],
        Meta(description="At most 32 words of 1 to 64 characters."),
    ] = ()


class RejectedPlay(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `plays` that could not be read, with the reason and its bytes."""

    topic: Annotated[str, Meta(description="Topic it stood on.")]
    partition: Annotated[int, Meta(ge=0, description="Partition it stood on.")]
    offset: Annotated[int, Meta(ge=0, description="Offset it stood at.")]
    reason: Annotated[str, Meta(description="Why it could not be read.")]
    key: Annotated[bytes | None, Meta(description="Its key, in base64.")]
    value: Annotated[bytes | None, Meta(description="Its value, in base64.")]


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The generation that every worker is to serve; the topic's key is `serving`."""

    generation_id: Annotated[str, Meta(min_length=1, description="Id of the generation.")]
    revision: Annotated[
        int, Meta(ge=0, description="Its revision: a rebuilt index of the same generation is a new one.")
    ]
    announced_at_ms: Annotated[EpochMs, Meta(description="When it was announced.")]


class Share(msgspec.Struct, frozen=True):
    """An estimate with its 95 % interval."""

    value: Annotated[float, Meta(description="The estimate.")]
    low: Annotated[float, Meta(description="Where its interval begins.")]
    high: Annotated[float, Meta(description="Where its interval ends.")]


class ListQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how high, the item that was played stood in one kind of list."""

    hit_at_10: Annotated[Share, Meta(description="Share of the plays whose item stood among the first 10.")]
    hit_at_50: Annotated[Share, Meta(description="The same for the first 50, or the whole list if it is shorter.")]
    mrr_at_50: Annotated[Share, Meta(description="Mean of 1 / rank, 0 beyond the 50th.")]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Listeners' own lists beside the popular one, by the same plays."""

    plays: Annotated[int, Meta(ge=1, description="Plays that were scored.")]
    own: Annotated[ListQuality, Meta(description="Of their own lists.")]
    popular: Annotated[ListQuality, Meta(description="Of the popular one.")]


class LiveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How good the lists were by the plays that a worker scored last, at most 10,000."""

    every: Annotated[Compared, Meta(description="By all of them.")]
    by_history: Annotated[
        dict[str, Compared],
        Meta(description="By what was known of the listener: `new` up to 4 items, `few` up to 19, or `many`."),
    ]
    fresh: Annotated[Compared | None, Meta(description="By plays of items with fewer than 20 plays in the training.")]
    by_generation: Annotated[dict[str, Compared], Meta(description="By the generation that made the list.")]


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker tells of itself again and again; it says nothing of any listener. Counts are since its start."""

    instance: Annotated[str, Meta(description="Name of the worker; also the record's key.")]
    at_ms: Annotated[EpochMs, Meta(description="When it was told.")]
    started_at_ms: Annotated[EpochMs, Meta(description="When the worker was started.")]
    generation: Annotated[str | None, Meta(description="Id of the generation in service.")]
    revision: Annotated[int, Meta(ge=0, description="Its revision.")]
    partitions: Annotated[list[int], Meta(description="Partitions that the worker owns.")]
    partitions_swept: Annotated[
        list[int], Meta(description="Those of which every user was folded under the generation.")
    ]
    events: Annotated[dict[str, int], Meta(description="Events of `plays`, by what became of them.")]
    events_per_s: Annotated[float, Meta(ge=0, description="Events a second since the pulse before.")]
    p50_ms: Annotated[
        float | None,
        Meta(description="Milliseconds from a play's arrival to its list, for half of the plays since then."),
    ]
    p99_ms: Annotated[float | None, Meta(description="The same for 99 % of them.")]
    quality: Annotated[LiveFigures | None, Meta(description="How good the lists were; none before the first play.")]
