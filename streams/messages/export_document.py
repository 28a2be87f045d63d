"""Everything that is held of one listener, as one document that they can be given."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from streams.messages.records import EpochMs, Recommendations, RejectedPlay, UserId

FORMAT = 1
Key = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", description="A 64-bit key, as 16 hexadecimal digits.")]
Seconds = Annotated[int, Meta(description="Seconds since 1970-01-01T00:00:00Z.")]


class ExportedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is kept by its key."""

    item_key: Key
    item_id: Annotated[str | None, Meta(description="Its id; null where no name of it is held.")]


class ExportedEntry(ExportedItem, frozen=True, kw_only=True):
    """An item of the history."""

    value: Annotated[
        float, Meta(description='What its signals were worth when it was touched last; below 0: confidence in "no".')
    ]
    value_now: Annotated[float, Meta(description="What they are worth now, since other plays came after them.")]
    touched_at_play: Annotated[int, Meta(description="How many plays the listener had made then.")]
    last_played_s: Seconds


class ExportedShown(ExportedItem, frozen=True, kw_only=True):
    """An item that was shown, and not played since."""

    shows: Annotated[int, Meta(description="How often.")]
    at_play: Annotated[int, Meta(description="How many plays the listener had made when it was shown last.")]


class ExportedMark(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the list published last, which is kept by half of its key."""

    mark: Annotated[str, Meta(pattern="^[0-9a-f]{8}$", description="The lower half of its key.")]
    item_id: Annotated[str | None, Meta(description="Its id, if one that is held has this mark.")]


class ExportedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The user record: what workers know of the listener, and what trainings read."""

    partition: Annotated[int, Meta(description="Partition of the users changelog.")]
    offset: Annotated[int, Meta(description="Where it stands there.")]
    older_offsets: Annotated[
        list[int], Meta(description="Where what it was before still stands; nothing reads that, compaction removes it.")
    ]
    forgotten: Annotated[bool, Meta(description="True: it is the marker of who was forgotten, and goes after a day.")]
    applied_offset: Annotated[int, Meta(description="Offset of the last event of `plays` that it reflects.")]
    plays: int
    last_played_s: Seconds
    generation_key: Annotated[Key | None, Meta(description="Key of the generation that the vector belongs to.")]
    generation: Annotated[str | None, Meta(description="Its id, if the generation is still held.")]
    listed_at_s: Annotated[
        Seconds, Meta(description="Event time of the list published last; of a marker, when it was made.")
    ]
    listed_at_ms: Annotated[EpochMs, Meta(description="When that list was made; 0: none was.")]
    list_score: Annotated[float, Meta(description="Mean score of the first items of that list.")]
    paused: Annotated[bool, Meta(description="Nothing is learnt from the listener.")]
    owed: Annotated[bool, Meta(description="The list has changed since, and waits to be published.")]
    day: Annotated[int, Meta(description="The latest day of event time that a signal was of, in days since 1970.")]
    day_signals: Annotated[int, Meta(description="Signals learnt on that day.")]
    history: list[ExportedEntry]
    play_ids: Annotated[list[Key], Meta(description="Keys of the latest play ids; the ids themselves are not kept.")]
    hidden: list[ExportedItem]
    shown: list[ExportedShown]
    listed: list[ExportedMark]
    vector: list[float]


class ExportedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list of the listener's, where it stands."""

    partition: int
    offset: int
    recommendations: Recommendations


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `plays` under the listener's key, until the topic's retention ends; nothing reads it again."""

    partition: int
    offset: int
    arrived_at_ms: EpochMs
    event: Annotated[dict[str, Any] | None, Meta(description="What it says, if it is a JSON object.")]
    value: Annotated[bytes | None, Meta(description="Its bytes, in base64, if it is not.")]


class ExportedReject(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read, until the retention of `plays-rejected` ends."""

    partition: int
    offset: int
    rejected: Annotated[RejectedPlay | None, Meta(description="What it says, if it is a reject of ours.")]
    value: Annotated[bytes | None, Meta(description="Its bytes, in base64, if it is not.")]


class UserExport(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of a listener on topics; what workers have on their disks is the record again.

    What they remember of a private session is in their memory alone, and cannot be given out.
    """

    format: Annotated[int, Meta(description="Format of this document.")] = FORMAT
    user_id: UserId
    made_at_ms: EpochMs
    anything: Annotated[bool, Meta(description="False: nothing is held of them, and all that follows is empty.")]
    record: Annotated[
        ExportedRecord | None, Meta(description="What workers know of them, as the users changelog has it.")
    ]
    recommendations: Annotated[ExportedList | None, Meta(description="The list, as it stands on `recommendations`.")]
    private_recommendations: Annotated[
        list[ExportedList], Meta(description="Lists that private plays shaped; they go within minutes.")
    ]
    plays: Annotated[list[ExportedEvent], Meta(description="Private plays are among them.")]
    plays_rejected: Annotated[
        list[ExportedReject], Meta(description="What came under their key and could not be read.")
    ]
