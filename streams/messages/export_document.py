"""All stored data about one listener, as one document for them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from streams.messages.fields import EpochMs, UserId
from streams.messages.records import Recommendations, RejectedPlay

FORMAT = 1
Key = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", description="A 64-bit key, as 16 hexadecimal digits.")]
Seconds = Annotated[int, Meta(description="Seconds since 1970-01-01T00:00:00Z.")]


class ExportedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is stored by its key."""

    item_key: Key
    item_id: Annotated[str | None, Meta(description="Its id; null if no stored name has this key.")]


class ExportedEntry(ExportedItem, frozen=True, kw_only=True):
    """A signal of the history. A repeated item has several."""

    value: Annotated[float, Meta(description='Weight of the signal when it came; below 0: confidence in "no".')]
    value_now: Annotated[float, Meta(description="Present weight of the signal, decayed by the plays since then.")]
    touched_at_play: Annotated[int, Meta(description="Number of the listener's plays when the signal came.")]
    last_played_s: Seconds


class ExportedShown(ExportedItem, frozen=True, kw_only=True):
    """An item that was shown and not played since."""

    shows: Annotated[int, Meta(description="Number of times it was shown.")]
    at_play: Annotated[int, Meta(description="Number of the listener's plays when it was last shown.")]


class ExportedMark(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the latest published list, which is stored by half of its key."""

    mark: Annotated[str, Meta(pattern="^[0-9a-f]{8}$", description="The lower half of its key.")]
    item_id: Annotated[str | None, Meta(description="Its id, if a stored item has this mark.")]


class ExportedDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of event time."""

    day: Annotated[int, Meta(description="Days since 1970.")]
    signals: Annotated[int, Meta(description="Signals learnt from that day.")]


class ExportedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The user record, which workers maintain and trainings read."""

    partition: Annotated[int, Meta(description="Partition of the users changelog.")]
    offset: Annotated[int, Meta(description="Offset of the record there.")]
    older_offsets: Annotated[
        list[int], Meta(description="Offsets of earlier versions. No process reads them, and compaction removes them.")
    ]
    forgotten: Annotated[bool, Meta(description="True: it marks a forgotten listener, and is deleted after a day.")]
    applied_offset: Annotated[int, Meta(description="Offset of the last event of `plays` that it reflects.")]
    epoch: Annotated[int, Meta(ge=0, description="How many topics of plays came before the one of that offset.")]
    plays: int
    last_played_s: Seconds
    generation_key: Annotated[Key | None, Meta(description="Key of the generation that the vector belongs to.")]
    generation: Annotated[str | None, Meta(description="Its id, if the generation is still stored.")]
    listed_at_s: Annotated[
        Seconds, Meta(description="Event time of the latest published list; of a marker, the time of the erasure.")
    ]
    listed_at_ms: Annotated[EpochMs, Meta(description="Creation time of that list; 0: there is no list.")]
    list_score: Annotated[float, Meta(description="Mean score of the first items of that list.")]
    paused: Annotated[bool, Meta(description="Learning is paused for the listener.")]
    owed: Annotated[bool, Meta(description="The list has changed since then and is not published yet.")]
    day: Annotated[int, Meta(description="Day of event time of the signal counted last, in days since 1970.")]
    day_signals: Annotated[int, Meta(description="Signals learnt from that day.")]
    days: Annotated[
        list[ExportedDay], Meta(description="The same of other days, the one counted last at the end.")
    ] = []
    history: list[ExportedEntry]
    play_ids: Annotated[list[Key], Meta(description="Keys of the latest play ids; the ids themselves are not stored.")]
    hidden: list[ExportedItem]
    shown: list[ExportedShown]
    listed: list[ExportedMark]
    vector: list[float]


class ExportedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list of the listener and its place on the topic."""

    partition: int
    offset: int
    recommendations: Recommendations


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `plays` with the listener's key. The topic's retention deletes it; no process reads it again."""

    partition: int
    offset: int
    arrived_at_ms: EpochMs
    event: Annotated[dict[str, Any] | None, Meta(description="Its content, if it is a JSON object.")]
    value: Annotated[bytes | None, Meta(description="Its bytes in base64, otherwise.")]


class ExportedReject(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected record; the retention of `plays-rejected` deletes it."""

    partition: int
    offset: int
    rejected: Annotated[RejectedPlay | None, Meta(description="Its content, if it is a valid reject.")]
    value: Annotated[bytes | None, Meta(description="Its bytes in base64, otherwise.")]


class UserExport(msgspec.Struct, frozen=True, kw_only=True):
    """All data about a listener on the topics. The state on the disks of workers is the same record.

    Private sessions are only in the memory of workers and are not exported.
    """

    format: Annotated[int, Meta(description="Format of this document.")] = FORMAT
    user_id: UserId
    made_at_ms: EpochMs
    anything: Annotated[
        bool, Meta(description="False: no data about the listener is stored, and all further fields are empty.")
    ]
    record: Annotated[ExportedRecord | None, Meta(description="The user record, as on the users changelog.")]
    recommendations: Annotated[ExportedList | None, Meta(description="The list, as on `recommendations`.")]
    misplaced_records: Annotated[
        list[ExportedRecord] | msgspec.UnsetType,
        Meta(
            description="User records on other partitions, which a producer with another partitioner has left. Left "
            "out if there are none."
        ),
    ] = msgspec.UNSET
    misplaced_recommendations: Annotated[
        list[ExportedList] | msgspec.UnsetType,
        Meta(description="Lists on other partitions; left out if there are none."),
    ] = msgspec.UNSET
    private_recommendations: Annotated[
        list[ExportedList], Meta(description="Lists of private sessions; they are deleted within minutes.")
    ]
    plays: Annotated[list[ExportedEvent], Meta(description="Events of the listener, private plays included.")]
    plays_rejected: Annotated[list[ExportedReject], Meta(description="Rejected records with the listener's key.")]
