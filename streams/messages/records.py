"""Lists of listeners, popular and related items, items of the catalog, rejected plays: the values of their topics."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.messages.fields import EpochMs, ItemId, Moment, Text, UserId

CONTRACT_VERSION = "0.2.0"
"""The version of all messages and of the gateway's answers. The second number rises if a reader may have to change."""
ALL_KINDS = "all"
"""The key of the popular list of items of all kinds; a kind with this name has no separate list."""


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's list, best item first; `items` and `scores` are parallel, and `because...` to their beginning.

    The first `len(because)` items are explained. Each of their scores is the exact sum of the contributions of plays:
    `sum(because_scores[i]) + because_rest[i] = scores[i]`.
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
            "after a redelivered play; it `changed`; `renewed` without a change, before it expires or because the "
            "sender of an event asked for it."
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
            description="For each of the first items, at most `because_items_n`, the played items with the largest "
            "contributions to its score, positive or negative, at most `because_n`. It may be shorter than `items`, "
            "and is empty if the list is popular or not explained. The gateway explains the other items on request: "
            "`GET /v1/users/{user_id}/because/{item_id}`."
        ),
    ] = []
    because_scores: Annotated[
        list[list[float]],
        Meta(description="Their contributions to the score of the item, the largest first; parallel to `because`."),
    ] = []
    because_rest: Annotated[
        list[float],
        Meta(
            description="For each explained item the contribution of all other plays; `blended`: plus its popular "
            "part; parallel to `because`."
        ),
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
