"""The outcomes of a listener's events.

No outcome is stored. The record is recomputed from the events that are still on `plays`; if that gives the stored
record, field by field, the outcomes of the recomputation are those of the worker. Otherwise they are `unknown`.

`learnt` and `trimmed` may differ from the worker's: `trimmed` follows the half-lives of the generation in service,
which the events do not name. The recomputation uses those of the settings.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from jobs.user_requests.trace_document import TracedEvent
from state.keys import item_key
from state.users.record import NOTHING_APPLIED, UserRecord
from streams.consumer.slices import Record
from streams.event_time import counted_at_ms
from streams.messages.events import Event, Forget, Hide, Pause, Play, Shown, Unhide, UnreadablePlay, read_event
from streams.messages.records import RejectedPlay
from streams.positions import epoch_of, offset_of
from streams.settings import Settings
from streams.signal_weight import SignalWeights

PRIVATE, REJECTED, IGNORED, FORGOTTEN = "private", "rejected", "ignored", "forgotten"
WAITING = "waiting"
"""No worker has processed the event yet."""
MISSING = "missing"
"""Workers committed the event, and the record does not contain it."""
UNKNOWN = "unknown"
"""A worker processed the event; its outcome cannot be recomputed."""
APPLIED = "wished"
"""The outcome of a request."""
IN_RECORD = frozenset({"learnt", "trimmed", APPLIED})
"""Outcomes that change the record."""
LEARNED_FIELDS = (
    "plays", "last_played_s", "paused", "day", "day_signals", "history", "play_ids", "hidden", "shown",
)  # fmt: skip
"""Fields of a record that follow from events alone."""


class Recomputed(Protocol):
    """The result of a listener's events (`agents/plays/recompute.py`)."""

    @property
    def record(self) -> UserRecord:
        """Return the record that the events lead to."""

    @property
    def outcomes(self) -> Mapping[int, str]:
        """Return outcomes by offset."""


Recompute = Callable[[Sequence[Record], int], Recomputed]
"""Applies events, the last so many of them one at a time."""


class Known(NamedTuple):
    """The facts about a listener beside the events."""

    record: UserRecord | None
    committed: int
    """Offset up to which workers committed the partition."""
    rejects: Mapping[int, RejectedPlay]
    """By offset of the event."""
    epoch: int = 0
    """Epoch of the topic of plays."""

    @property
    def applied(self) -> int:
        """Return the offset on this topic of the last event that the record contains; of no record, none."""
        position = self.record.applied_offset if self.record else NOTHING_APPLIED
        return offset_of(position) if epoch_of(position) == self.epoch else NOTHING_APPLIED


class Outcomes(NamedTuple):
    """The outcomes of a listener's latest events."""

    latest: list[TracedEvent]
    differing: list[str]
    """Fields in which the recomputed record differs from the stored one; none: the outcomes are certain,
    except the difference between `learnt` and `trimmed`."""


def trace_events(
    records: Sequence[Record], known: Known, n_latest: int, recompute: Recompute, settings: Settings
) -> Outcomes:
    """Derive the outcomes of a listener's latest events.

    Args:
        records: The listener's events by offset, as far back as they were read.
        known: The record, the committed offset and the rejects.
        n_latest: How many events to return.
        recompute: The decoding and the learning of a worker.
        settings: The settings of the workers.
    """
    events = _Events(records, known, settings)
    contained = [r for r in records if r.offset <= events.applied and r.offset not in known.rejects]
    recomputed = recompute(contained, n_latest)
    differing = differing_fields(events.stored, recomputed.record)
    outcomes = {} if differing else recomputed.outcomes
    return Outcomes([events.trace(record, outcomes) for record in records[-n_latest:]], differing)


def differing_fields(stored: UserRecord, recomputed: UserRecord) -> list[str]:
    """Return the names of the fields in which two records differ, of those that follow from events alone."""
    return [name for name in LEARNED_FIELDS if getattr(stored, name) != getattr(recomputed, name)]


class _Events:
    """The events of a listener, each decoded once.

    Attributes:
        stored: The listener's record; an empty one if there is none.
        applied: Offset of the last event that the record contains.
    """

    def __init__(self, records: Sequence[Record], known: Known, settings: Settings) -> None:
        self._known, self._settings, self._weights = known, settings, SignalWeights(settings.signals)
        self._events = {record.offset: self._decode(record) for record in records}
        self.stored = known.record or UserRecord()
        # Without a record, a request to be forgotten was the last event that one contained: its marker has expired.
        self.applied = known.applied if known.record else self._last_forget(known.committed - 1)
        self._forgotten = self._last_forget(self.applied)
        self._signals = {(entry.item_key, entry.last_played_s, entry.value) for entry in self.stored.history}
        self._items = {entry.item_key for entry in self.stored.history}
        self._shown = {item.item_key for item in self.stored.shown}

    def trace(self, record: Record, outcomes: Mapping[int, str]) -> TracedEvent:
        """Return an event with its outcome."""
        event, offset = self._events[record.offset], record.offset
        if offset in self._known.rejects:
            return _trace_rejected(record, self._known.rejects[offset])
        if event is None or _is_private(event):
            outcome = UNKNOWN if event is None else PRIVATE
            return TracedEvent(offset=offset, outcome=outcome if self._is_processed(offset) else WAITING)
        outcome, signal = self._outcome(event, offset, outcomes), event if isinstance(event, Play) else None
        return TracedEvent(
            offset=offset,
            outcome=outcome,
            arrived_at_ms=record.timestamp,
            played_at_ms=signal.played_at_ms if signal else None,
            type=signal.type if signal else str(event.__struct_config__.tag),
            item_ids=_items_of(event),
            weight=self._weight(signal) if signal else None,
            in_record=self._is_in_record(event, outcome, record.timestamp),
        )

    def _weight(self, signal: Play) -> float:
        """Return the weight of a signal before decay, by the present settings."""
        return self._weights.worth(signal.type, signal.ms_played, signal.duration_ms).weight

    def _decode(self, record: Record) -> Event | None:
        """Return an event as a worker reads it under the present settings; None if it cannot."""
        try:
            return read_event(record.key, record.value, self._settings.topics.play_bytes_max, self._weights.types)
        except UnreadablePlay:
            return None

    def _last_forget(self, offset_max: int) -> int:
        """Return the offset of the last request to be forgotten at or below an offset."""
        forgets = [at for at, event in self._events.items() if isinstance(event, Forget) and at <= offset_max]
        return max(forgets, default=NOTHING_APPLIED)

    def _is_processed(self, offset: int) -> bool:
        return offset <= self.applied or offset < self._known.committed

    def _outcome(self, event: Event, offset: int, outcomes: Mapping[int, str]) -> str:
        """Return the outcome of a readable event that is not private."""
        if not self._is_processed(offset):
            return WAITING
        if isinstance(event, Shown) and not self._settings.users.cooldown_shows:
            return IGNORED
        if offset > self.applied:
            return MISSING
        if offset < self._forgotten:
            return FORGOTTEN
        # A request is applied whatever the record contains; a signal may be a retry, or one too many.
        return outcomes.get(offset, UNKNOWN) if isinstance(event, Play | Shown) else APPLIED

    def _is_in_record(self, event: Event, outcome: str, arrived_at_ms: int) -> bool | None:
        """Tell whether the record shows the effect of an event; None if another event may have had the same."""
        if outcome == UNKNOWN:
            return None if self._may_show(event) else False
        if isinstance(event, Play):
            return outcome in IN_RECORD and self._shows_signal(event, arrived_at_ms)
        return outcome in IN_RECORD and self._shows(event)

    def _may_show(self, event: Event) -> bool:
        """Tell whether the record may show an event; a worker's settings may have given a signal another weight."""
        return item_key(event.item_id) in self._items if isinstance(event, Play) else self._shows(event)

    def _shows_signal(self, event: Play, arrived_at_ms: int) -> bool:
        """Tell whether the history has a signal."""
        at_ms = counted_at_ms(event.played_at_ms, arrived_at_ms, time.time_ns() // 1_000_000)
        weight = np.float32(self._weight(event)).item()
        return (item_key(event.item_id), at_ms // 1000, weight) in self._signals

    def _shows(self, event: Event) -> bool:
        """Tell whether the record is as a request leaves it."""
        keys = {item_key(item_id) for item_id in _items_of(event)}
        if isinstance(event, Shown):
            return not keys.isdisjoint(self._shown)
        if isinstance(event, Hide | Unhide):
            return keys.isdisjoint(self.stored.hidden) == isinstance(event, Unhide)
        return isinstance(event, Forget) or self.stored.paused == isinstance(event, Pause)


def _trace_rejected(record: Record, rejected: RejectedPlay) -> TracedEvent:
    """Return a rejected event; of one that says it is private, `plays-rejected` has no bytes."""
    is_private = rejected.value is None and record.value is not None
    arrived_at_ms = None if is_private else record.timestamp
    return TracedEvent(
        offset=record.offset, outcome=REJECTED, reason=rejected.reason, arrived_at_ms=arrived_at_ms, in_record=False
    )


def _is_private(event: Event) -> bool:
    return isinstance(event, Play) and event.private


def _items_of(event: Event) -> list[str]:
    if isinstance(event, Shown):
        return event.item_ids
    return [event.item_id] if isinstance(event, Play | Hide | Unhide) else []
