"""The answer of `playfold trace`: a listener's latest events, their outcomes, and the record and list they led to."""

import msgspec


class TracedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event under a listener's key on `plays`; a private play has its place and its outcome alone."""

    offset: int
    outcome: str
    """An outcome of `state/users/admission.py`, or `private`, `rejected`, `ignored`, `forgotten`, `waiting`, `missing`
    or `unknown` (`jobs/user_requests/trace_events.py`)."""
    reason: str = ""
    """Why the event was rejected, in the words of `plays-rejected`."""
    arrived_at_ms: int | None = None
    played_at_ms: int | None = None
    type: str | None = None
    item_ids: list[str] = []
    weight: float | None = None
    """The weight of a signal before decay, by the present settings."""
    in_record: bool | None = False
    """Whether the record shows the effect of the event; None if that is not known."""


class TracedEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a listener as far back as `plays` was read."""

    partition: int
    topic_start: int
    """First offset that Kafka still has."""
    read_start: int
    """First offset that was read."""
    topic_end: int
    """Offset after the last record."""
    committed: int
    """Offset up to which workers committed the partition."""
    n_events: int
    """Events of the listener from `read_start` on."""
    differing: list[str]
    """Fields in which the record differs from the one recomputed from these events; none: the outcomes are certain,
    except the difference between `learnt` and `trimmed`."""
    latest: list[TracedEvent]
    """By ascending offset."""


class TracedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a listener."""

    offset: int
    """Its offset on the users changelog."""
    applied_offset: int
    """Offset of the last event that it contains, on the topic of its epoch."""
    plays: int
    n_history: int
    """Signals of the history, repeats of an item among them."""
    generation: str | None
    """Id of the generation of its vector; None if there is no vector, or the generation is not in the store."""
    generation_key: str | None
    listed_at_ms: int
    """When the list published last was made; 0: none was."""
    owed: bool
    paused: bool
    forgotten: bool
    epoch: int = 0
    """How many topics of plays came before the one of that offset."""


class TracedState(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's record in the files of a worker's state on this machine; a worker writes them late."""

    folder: str
    changelog_offset: int | None = None
    """Offset of the last changelog record in the files; -1: none."""
    applied_offset: int | None = None
    """Of the listener's record; None if the files have none."""
    epoch: int | None = None
    plays: int | None = None
    outranked: bool = False
    """The worker will write this record to the changelog again, since a staler one came after it."""
    unread: str | None = None
    """Why the files cannot be read."""


class TracedList(msgspec.Struct, frozen=True, kw_only=True):
    """The list of a listener on `recommendations`."""

    offset: int
    kind: str
    n_items: int
    generation: str
    revision: int
    made_at_ms: int
    expires_at_ms: int
    reason: str
    reflects_partition: int
    reflects_offset: int


class PartitionTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's latest events on a partition, and the record and the list they led to."""

    events: TracedEvents
    record: TracedRecord | None
    states: list[TracedState]
    recommendations: TracedList | None


class Trace(PartitionTrace, frozen=True, kw_only=True):
    """The trace of a listener on the partition of their key."""

    user_id: str
    made_at_ms: int
    elsewhere: list[PartitionTrace] = []
    """The same of other partitions, to which a producer with another partitioner has written."""
