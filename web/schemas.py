"""Requests and answers of the gateway that are not messages on topics."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from streams.messages.records import Recommendations


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an event that Kafka has acknowledged."""

    partition: Annotated[int, Meta(ge=0, description="Partition of `plays`.")]
    offset: Annotated[int, Meta(ge=0, description="Its offset there; `after=partition:offset` waits for it.")]
    outcome: Annotated[
        str | msgspec.UnsetType,
        Meta(
            description="With `wait` or `list`: its outcome, such as `learnt`, `capped`, `retried` or `rejected`; "
            "`waiting` if no worker has reported on it in time. Otherwise left out, and of a private play with `list`."
        ),
    ] = msgspec.UNSET


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The error of an event that was not sent."""

    error: Annotated[str, Meta(description="The fault of the event, or that Kafka did not acknowledge it.")]


class PlaysAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The results of some events, in their order."""

    accepted: Annotated[int, Meta(ge=0, description="Events that Kafka has acknowledged.")]
    rejected: Annotated[int, Meta(ge=0, description="All other events.")]
    results: Annotated[
        list[Any],
        Meta(
            description="The result of each event, in order: its place on `plays`, or its error.",
            extra_json_schema={
                "items": {"anyOf": [{"$ref": "#/components/schemas/Placed"}, {"$ref": "#/components/schemas/Refused"}]}
            },
        ),
    ]
    recommendations: Annotated[
        Any,
        Meta(
            description="With `list`: the first items of the listener's list, which reflects the events if its "
            "`reflected` is true; null if there is no list. Otherwise left out.",
            extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/ListAnswer"}, {"type": "null"}]},
        ),
    ] = field(default=msgspec.UNSET, name="list")
    why: Annotated[
        str | msgspec.UnsetType,
        Meta(description="With `list`: why the list does not reflect an event, or why there is none; else left out."),
    ] = msgspec.UNSET


class ListAnswer(Recommendations, frozen=True, kw_only=True):
    """A listener's list from `recommendations`, or the popular list, cut to the request."""

    reflected: Annotated[
        bool | msgspec.UnsetType,
        Meta(
            description="With `after`, or in the answer to a post: whether the list reflects that play or these "
            "events, or needs no change; else left out."
        ),
    ] = msgspec.UNSET
    why: Annotated[str | msgspec.UnsetType, Meta(description="Why a list of a `kind` has no items; else left out.")] = (
        msgspec.UNSET
    )


class ItemsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The items of a session; no listener is named."""

    items: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=128)]],
        Meta(min_length=1, max_length=500, description="The played items; an item that is named twice counts twice."),
    ]
    candidates: Annotated[
        Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=5000)] | None,
        Meta(description="The items to rank; the whole catalog if left out."),
    ] = None
    n: Annotated[Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="Items in the answer.")] = None


class ItemsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Recommendations for some items, best first; `items` and `scores` are parallel. Nothing is stored."""

    kind: Annotated[
        str, Meta(description="As of a listener's list; `popular`: the generation knows none of the items.")
    ]
    generation: Annotated[str, Meta(description="Id of the generation that every score was computed with.")]
    items: list[str]
    scores: list[float]
    unknown: Annotated[list[str], Meta(description="Items of the request that the generation does not know.")]


class FoundItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item, with its title, artist and kind from the catalog."""

    item_id: str
    title: str | None = None
    artist: str | None = None
    kind: str | None = None


class FoundItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items that match a query, the most played first."""

    items: list[FoundItem]


class FoundListeners(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of listeners that have a list."""

    listeners: list[str]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A played item, and its share of a score."""

    item_id: str
    share: Annotated[float, Meta(description="The part of the score that it adds; below 0 it lowers the score.")]
    title: Annotated[
        str | msgspec.UnsetType, Meta(description="The title of the item; left out if the catalog has none.")
    ] = msgspec.UNSET


class BecauseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The reasons of an item's score: `score` is the sum of all shares and of `rest`."""

    user_id: str
    item_id: str
    generation: str
    score: float
    rank: Annotated[int | None, Meta(description="1 for the best; null if the list may not contain the item.")]
    reasons: list[Reason]
    rest: Annotated[
        float,
        Meta(description="The rest of the score: unnamed plays, and popularity in a blended list."),
    ]
    whole: Annotated[bool, Meta(description="Whether every play is named, or only those that the list names.")]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the gateway."""

    status: str
    records_left: Annotated[int, Meta(ge=0, description="Records of the topics that it has yet to read.")] = 0
    generation: str | None = None
    unreadable: Annotated[
        list[str], Meta(description="Parts of the topics that cannot be read, each with its place and the reason.")
    ] = []
