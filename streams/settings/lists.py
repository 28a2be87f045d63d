"""Settings of lists: their content, their popular share and their ranking."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field


class ListSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a published list and the time of its publication."""

    n: Annotated[int, Meta(ge=1, le=1000, description="Items in a published list.")] = field(default=50, name="list_n")
    change_n: Annotated[
        int,
        Meta(
            ge=1, le=1000, description="Number of first items that are compared to decide whether a list has changed."
        ),
    ] = field(default=10, name="list_change_n")
    overlap_min: Annotated[
        float,
        Meta(
            ge=0, le=1, description="Share of them that the previous list also had first; below it a list has changed."
        ),
    ] = field(default=1.0, name="list_overlap_min")
    score_change: Annotated[
        float,
        Meta(ge=0, description="Relative change of their mean score above which a list has changed."),
    ] = field(default=0.05, name="list_score_change")
    debounce_ms: Annotated[
        int,
        Meta(
            ge=0,
            description="Least milliseconds between two changed lists of a listener; plays in between wait.",
        ),
    ] = 0
    known_items: Annotated[
        Literal["exclude", "include"],
        Meta(description="Whether played items are left out of a listener's list: `exclude` or `include`."),
    ] = "exclude"
    repeat_after_plays: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of a listener's plays after which a played item may be in their list again, under "
            "`exclude`; 0: never.",
        ),
    ] = 0
    because_n: Annotated[
        int,
        Meta(ge=0, le=5, description="Most played items that explain an item of a list; 0: lists are not explained."),
    ] = 3
    because_items_n: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Number of first items of a list that are explained; 0: lists are not explained. "
            "`playfold explain` and the gateway explain every other item on request.",
        ),
    ] = 10
    heartbeat_s: Annotated[
        int, Meta(ge=1, description="Seconds of event time after which an unchanged list is published again.")
    ] = field(default=86_400, name="list_heartbeat_s")
    expires_s: Annotated[
        int, Meta(ge=1, description="Seconds after which a list should not be shown; it is renewed before that.")
    ] = field(default=604_800, name="list_expires_s")


class PopularitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The popular lists and their share in personal lists."""

    blend: Annotated[
        float,
        Meta(
            ge=0,
            description="Strength of popularity in the lists of listeners with few known items; 0: none.",
        ),
    ] = field(default=1.0, name="popular_blend")
    blend_items_max: Annotated[int, Meta(ge=0, le=100, description="Longest history, in items, of a blended list.")] = 9
    half_life_days: Annotated[
        float, Meta(gt=0, description="Days after which a play counts half in popularity; `inf`: never.")
    ] = field(default=30.0, name="popular_half_life_days")
    publish_s: Annotated[
        float, Meta(gt=0, description="Least seconds between two checks whether the popular lists have changed.")
    ] = field(default=60.0, name="popular_publish_s")


class RankingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The choice between exact ranking and the Annoy index."""

    method: Annotated[
        Literal["auto", "exact", "annoy"],
        Meta(description="Ranking of lists: `exact`, `annoy` from the index, or `auto`: the faster of the two."),
    ] = field(default="auto", name="rank")
    probe_share: Annotated[
        float,
        Meta(
            ge=0, le=1, description="Share of the lists from the index that are also ranked exactly, to measure recall."
        ),
    ] = 0.01
    recall_floor: Annotated[
        float, Meta(ge=0, le=1, description="Recall@10 of the index below which a worker ranks exactly.")
    ] = 0.9
