"""Examples of all records, at least one of each, for docs/asyncapi.yaml; tests check them against the schemas."""

from typing import Any

import msgspec

from streams.messages.events import Forget, Hide, Pause, Play, Resume, Shown, Unhide
from streams.messages.generations import Announcement
from streams.messages.pulse import Compared, ListQuality, LiveFigures, Pulse, Share
from streams.messages.records import CatalogItem, PopularItems, Recommendations, RejectedPlay, RelatedItems
from streams.topics import topics

PLAYED_AT_MS = 1_795_478_400_000
MADE_AT_MS = PLAYED_AT_MS + 21
WEEK_MS = 604_800_000
GENERATION = "2026-11-23T03-00-00.000Z"


class Example(msgspec.Struct, frozen=True):
    """A record with a summary of its case."""

    name: str
    summary: str
    record: msgspec.Struct

    @property
    def payload(self) -> Any:
        """Return the JSON of the record."""
        return msgspec.json.decode(msgspec.json.encode(self.record))


_PLAY = Play(user_id="anna", item_id="song-7", played_at_ms=PLAYED_AT_MS)
_LIST = Recommendations(
    user_id="anna",
    kind="personal",
    generation=GENERATION,
    revision=0,
    partition=2,
    offset=41_873,
    plays=57,
    reason="changed",
    made_at_ms=MADE_AT_MS,
    expires_at_ms=MADE_AT_MS + WEEK_MS,
    items=["song-12", "song-3", "song-8"],
    scores=[0.75, 0.5, 0.25],
    because=[["song-7", "song-9"], ["song-9"]],
    because_scores=[[0.5, 0.125], [0.375]],
    because_rest=[0.125, 0.125],
)
_PRIVATE = msgspec.structs.replace(
    _LIST, reason="first", plays=58, offset=41_902, expires_at_ms=MADE_AT_MS + 600_000, private=True
)
_POPULAR = msgspec.structs.replace(
    _LIST, kind="popular", reason="first", plays=1, scores=[913.5, 874.25, 801.5], because=[], because_scores=[],
    because_rest=[],
)  # fmt: skip
_OWN = ListQuality(
    hit_at_10=Share(0.183, 0.175, 0.192), hit_at_50=Share(0.412, 0.401, 0.423), mrr_at_50=Share(0.081, 0.076, 0.086)
)
_OTHERS = ListQuality(
    hit_at_10=Share(0.077, 0.072, 0.083), hit_at_50=Share(0.242, 0.233, 0.251), mrr_at_50=Share(0.034, 0.031, 0.037)
)
_COMPARED = Compared(plays=8901, own=_OWN, popular=_OTHERS)

EXAMPLES: dict[str, tuple[Example, ...]] = {
    topics.PLAYS: (
        Example("least", "The required fields of a play.", _PLAY),
        Example(
            "whole",
            "A play that a client may retry, heard for half of its duration.",
            msgspec.structs.replace(_PLAY, play_id="phone-3/8812", ms_played=101_000, duration_ms=202_000),
        ),
        Example("like", "Another signal.", msgspec.structs.replace(_PLAY, type="like")),
        Example("private", "A play that is not learnt.", msgspec.structs.replace(_PLAY, private=True)),
        Example("hide", "Hide an item from the lists.", Hide(user_id="anna", item_id="song-7")),
        Example("unhide", "Allow it again.", Unhide(user_id="anna", item_id="song-7")),
        Example("shown", "The items on the screen.", Shown(user_id="anna", item_ids=["song-12", "song-3"])),
        Example("pause", "Pause learning.", Pause(user_id="anna")),
        Example("resume", "Resume learning.", Resume(user_id="anna")),
        Example("forget", "Erase all data about the listener.", Forget(user_id="anna")),
    ),
    topics.PLAYS_REJECTED: (
        Example(
            "wrong",
            "A play whose item is a number.",
            RejectedPlay(
                topic=topics.PLAYS,
                partition=2,
                offset=41_874,
                reason="item_id: Expected str, got int",
                key=b"anna",
                value=b'{"user_id":"anna","item_id":7,"played_at_ms":1795478400000}',
            ),
        ),
        Example(
            "private",
            "A private play: only its place.",
            RejectedPlay(
                topic=topics.PLAYS,
                partition=2,
                offset=41_875,
                reason="a private play is unreadable; its content stays in the topic of plays alone",
                key=None,
                value=None,
            ),
        ),
    ),
    topics.RECOMMENDATIONS: (
        Example("personal", "A list of two items with its reasons.", _LIST),
        Example("popular", "A listener without a usable play yet.", _POPULAR),
    ),
    topics.PRIVATE_RECOMMENDATIONS: (Example("private", "A list of a private session.", _PRIVATE),),
    topics.GENERATIONS: (
        Example(
            "serving",
            "After a retrain.",
            Announcement(generation_id=GENERATION, revision=0, announced_at_ms=MADE_AT_MS),
        ),
    ),
    topics.RELATED_ITEMS: (
        Example(
            "nearest",
            "Two neighbours.",
            RelatedItems(item_id="song-7", generation=GENERATION, items=["song-12", "song-9"], cosines=[0.94, 0.91]),
        ),
    ),
    topics.POPULAR_ITEMS: (
        Example(
            "all",
            "Items of all kinds.",
            PopularItems(
                kind="all",
                generation=GENERATION,
                revision=0,
                as_of_ms=PLAYED_AT_MS,
                made_at_ms=MADE_AT_MS,
                items=["song-12", "song-3"],
                plays=[913.5, 874.25],
            ),
        ),
    ),
    topics.CATALOG: (
        Example("least", "Only the required field.", CatalogItem(item_id="song-8")),
        Example(
            "whole",
            "A song that is available until the end of 2029.",
            CatalogItem(
                item_id="song-7",
                title="Seven",
                artist="Anna's Band",
                kind="song",
                available_from_ms=1_767_225_600_000,
                available_until_ms=1_893_456_000_000,
                tags=("indie", "live"),
            ),
        ),
    ),
    topics.PULSE: (
        Example(
            "worker",
            "A worker with two partitions.",
            Pulse(
                instance="a",
                at_ms=MADE_AT_MS,
                started_at_ms=MADE_AT_MS - 3_600_000,
                generation=GENERATION,
                revision=0,
                partitions=[0, 1],
                partitions_swept=[0, 1],
                events={
                    "learnt": 88_012,
                    "wished": 41,
                    "redelivered": 0,
                    "retried": 7,
                    "paused": 0,
                    "capped": 0,
                    "trimmed": 0,
                    "ignored": 0,
                },
                events_per_s=100.5,
                p50_ms=17.4,
                p99_ms=49.4,
                quality=LiveFigures(
                    every=_COMPARED, by_history={"many": _COMPARED}, fresh=None, by_generation={GENERATION: _COMPARED}
                ),
                arrivals={"records": 88_060, "rejected": 0, "misplaced": 0, "ahead": 3},
                odd_hints={"type": 0, "play_id": 0, "ms_played": 0, "duration_ms": 12, "private": 0},
                catalog_places={0: 5021, 1: 4988},
            ),
        ),
    ),
}
