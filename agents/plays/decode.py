"""A commit group's events as columns, user after user; unreadable records are rejected."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.observers.arrival_counts import Arrivals
from agents.observers.outcome_log import Places
from agents.plays.reject_batch import SAYS_PRIVATE, reject_batch
from model.arrays import Flags
from state.keys import item_key, play_id_key
from state.users.event_columns import COPY, Action, EventColumns
from state.users.record import NOTHING_APPLIED
from streams.consumer.slices import Record, Slice
from streams.event_time import counted_at_ms
from streams.fetch.unreadable_batch import is_unreadable
from streams.messages.events import Event, Forget, Hide, Pause, Play, Resume, Shown, Unhide, UnreadablePlay, read_event
from streams.messages.outcomes import IGNORED, PRIVATE, REJECTED, WISHED
from streams.messages.records import RejectedPlay
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.positions import position_of
from streams.settings import Settings
from streams.signal_weight import SignalWeights

Offsets = NDArray[np.int64]


class Group(NamedTuple):
    """The events of a commit group."""

    users: dict[int, list[bytes]]
    """Keys of the touched users, per partition; user number `u` counts through all of them."""
    events: EventColumns
    """Without the events before a user's request to be forgotten."""
    forget_offsets: Offsets
    """The offset of each user's latest request to be forgotten, shape (n,); `NOTHING_APPLIED` for most."""
    item_ids: dict[int, dict[int, str]]
    """Per partition, the id behind every item key."""
    rejects: dict[int, list[Item]]
    """Per partition, the records for the topic of rejected plays."""
    private: dict[int, dict[bytes, NDArray[np.void]]]
    """Per partition, the private plays of users, of `EVENT`; a user with private plays alone is not in `users`."""
    copies_only: Flags
    """True for every user without an event but copies of requests, shape (n,)."""
    arrivals: Arrivals
    places: dict[int, Places]
    """Per partition, the offsets of all records, and of those that are not learned."""


def read_group(
    slices: Sequence[Slice],
    settings: Settings,
    epochs: Mapping[int, int] | None = None,
    now_ms: int | None = None,
) -> Group:
    """Decode and check the events of a group, and group them by user.

    The offsets of the columns are positions in the epoch of their partition.

    Private plays are kept apart from all other events, so nothing of them is written anywhere.

    Args:
        slices: The records.
        settings: The settings of the worker.
        epochs: The epoch of every partition; 0 if it is left out.
        now_ms: The clock, in milliseconds since 1970; the system's if left out. It concerns only signals that claim to
            come from the future.
    """
    weights, remembers_shown = SignalWeights(settings.signals), settings.users.cooldown_shows > 0
    n_partitions, n_misplaced, odd_hints = settings.topics.partitions, 0, list[str]()
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    partitions = {number: _PartitionEvents(weights, now_ms) for number in sorted(part.partition for part in slices)}
    for topic, partition, records, _ in slices:
        events, base = partitions[partition], position_of(epochs.get(partition, 0) if epochs else 0, 0)
        if is_unreadable(records):
            events.rejects += reject_batch(records[0])
            continue
        for record in records:
            try:
                event = read_event(
                    record.key, record.value, settings.topics.play_bytes_max, weights.types, odd_hints.append
                )
            except UnreadablePlay as error:
                events.reject(topic, partition, record, base + record.offset, str(error))
                continue
            is_copy = not isinstance(event, Play | Shown) and event.copy
            n_misplaced += not is_copy and partition_of(event.user_id, n_partitions) != partition
            if remembers_shown or not isinstance(event, Shown):
                events.add(event, base + record.offset, record.timestamp)
            else:
                events.outcomes[IGNORED].append(base + record.offset)
    columns, forget_offsets = _columns(partitions.values())
    return Group(
        {number: list(events.users) for number, events in partitions.items()},
        columns,
        forget_offsets,
        {number: events.item_ids for number, events in partitions.items()},
        {number: events.rejects for number, events in partitions.items()},
        {number: events.private_plays() for number, events in partitions.items()},
        np.concatenate([events.copies_only for events in partitions.values()]),
        Arrivals(
            sum(len(part.records) for part in slices),
            sum(len(events.rejects) for events in partitions.values()),
            n_misplaced,
            sum(events.n_ahead for events in partitions.values()),
            Counter(odd_hints),
        ),
        {
            number: Places(_positions(slices, number, epochs or {}), events.outcomes)
            for number, events in partitions.items()
        },
    )


def _positions(slices: Sequence[Slice], partition: int, epochs: Mapping[int, int]) -> Offsets:
    """Return the positions of all records of a partition, without those of batches that do not decode."""
    records = [part.records for part in slices if part.partition == partition and not is_unreadable(part.records)]
    base = position_of(epochs.get(partition, 0), 0)
    return np.array([base + record.offset for part in records for record in part], np.int64)


_Row = tuple[int, int, int, float, int, int, int]


class _PartitionEvents:
    """The events of one partition in a group."""

    def __init__(self, weights: SignalWeights, now_ms: int) -> None:
        """Weigh signals by `weights`."""
        self.n_ahead = 0
        self.outcomes: dict[str, list[int]] = {name: [] for name in (REJECTED, PRIVATE, IGNORED, WISHED)}
        self.users: dict[bytes, int] = {}
        self.rows: list[_Row] = []
        self.forgets: dict[int, int] = {}
        self.item_ids: dict[int, str] = {}
        self.rejects: list[Item] = []
        self._private: dict[bytes, list[_Row]] = {}
        self._weights, self._now_ms = weights, now_ms
        self._shown, self._users_of_own = set[int](), set[int]()

    def add(self, event: Event, offset: int, arrived_at_ms: int) -> None:
        """Add an event by its position, here called its offset."""
        if not isinstance(event, Play):
            self._add_request(event, offset)
            return
        worth = self._weights.worth(event.type, event.ms_played, event.duration_ms)
        if worth.is_nothing:
            if event.private:
                self.outcomes[PRIVATE].append(offset)
            else:
                self.rows.append((self._user(event), offset, 0, 0.0, 0, 0, Action.NOTHING))
            return
        key = item_key(event.item_id) if event.private else self._item(event.item_id)
        play_id = play_id_key(event.play_id) if event.play_id is not None else 0
        at_ms = counted_at_ms(event.played_at_ms, arrived_at_ms, self._now_ms)
        self.n_ahead += at_ms < event.played_at_ms
        action = Action.PLAY if worth.is_play else Action.SIGNAL
        played = offset, key, worth.weight, at_ms // 1000, play_id, action
        if event.private:
            self.outcomes[PRIVATE].append(offset)
            self._private.setdefault(event.user_id.encode(), []).append((0, *played))
        else:
            self.rows.append((self._user(event), *played))

    @property
    def copies_only(self) -> Flags:
        """Return a flag for every user without an event but copies, shape (n,)."""
        flags = np.ones(len(self.users), np.bool_)
        flags[list(self._users_of_own)] = False
        return flags

    def private_plays(self) -> dict[bytes, NDArray[np.void]]:
        """Return every user's private plays, without those before a request to be forgotten."""
        plays = {}
        for user, rows in self._private.items():
            forgotten_at = self.forgets.get(self.users.get(user, -1), NOTHING_APPLIED)
            later = [row for row in rows if row[1] > forgotten_at]
            if later:
                plays[user] = np.array(later, EVENT)
        return plays

    def reject(self, topic: str, partition: int, record: Record, position: int, reason: str) -> None:
        """Reject an unreadable record; of a private one only the offset is written."""
        key, value = record.key, record.value
        self.outcomes[REJECTED].append(position)
        if value is not None and SAYS_PRIVATE.search(value):
            key = value = None
            reason = "a private play is unreadable; its content stays in the topic of plays alone"
        rejected = RejectedPlay(
            topic=topic, partition=partition, offset=record.offset, reason=reason, key=key, value=value
        )
        self.rejects.append((key or b"", msgspec.json.encode(rejected)))

    def _add_request(self, event: Event, offset: int) -> None:
        user = self._user(event, is_copy=not isinstance(event, Play | Shown) and event.copy)
        if isinstance(event, Forget):
            self.forgets[user] = offset
            self.outcomes[WISHED].append(offset)
        elif isinstance(event, Shown):
            if offset not in self._shown:  # a slice may be in the group twice
                self._shown.add(offset)
                for item_id in event.item_ids:
                    self.rows.append((user, offset, self._item(item_id), 0.0, 0, 0, Action.SHOWN))
        elif isinstance(event, Hide | Unhide):
            action = Action.HIDE if isinstance(event, Hide) else Action.UNHIDE
            self.rows.append((user, offset, self._item(event.item_id), 0.0, 0, 0, action | COPY * event.copy))
        elif isinstance(event, Pause | Resume):
            action = Action.PAUSE if isinstance(event, Pause) else Action.RESUME
            self.rows.append((user, offset, 0, 0.0, 0, 0, action | COPY * event.copy))

    def _item(self, item_id: str) -> int:
        key = item_key(item_id)
        self.item_ids[key] = item_id
        return key

    def _user(self, event: Event, *, is_copy: bool = False) -> int:
        user = self.users.setdefault(event.user_id.encode(), len(self.users))
        if not is_copy:
            self._users_of_own.add(user)
        return user


EVENT = np.dtype(
    [
        ("user", "i8"),
        ("offset", "i8"),
        ("item_key", "u8"),
        ("weight", "f4"),
        ("at_s", "u4"),
        ("play_id", "u8"),
        ("action", "u1"),
    ]
)
"""An event: the number of its user, then the columns of `EventColumns`."""


def _columns(partitions: Iterable[_PartitionEvents]) -> tuple[EventColumns, Offsets]:
    """Order events by user and, for a user, by offset, without those before a request to be forgotten."""
    arrays, offsets, first = [], list[Offsets](), 0
    for partition in partitions:
        events = np.array(partition.rows, EVENT)
        events["user"] += first
        first += len(partition.users)
        arrays.append(events)
        forgets = np.full(len(partition.users), NOTHING_APPLIED, np.int64)
        forgets[list(partition.forgets)] = list(partition.forgets.values())
        offsets.append(forgets)
    events, forget_offsets = np.concatenate(arrays), np.concatenate(offsets)
    events = events[events["offset"] > forget_offsets[events["user"]]]
    return to_columns(events[np.lexsort((events["offset"], events["user"]))], first), forget_offsets


def to_columns(events: NDArray[np.void], n_users: int) -> EventColumns:
    """Return events of `EVENT`, ordered by user and by offset, as columns."""
    starts = np.searchsorted(events["user"], np.arange(n_users + 1))
    return EventColumns(starts, *(np.ascontiguousarray(events[name]) for name in (EVENT.names or ())[1:]))
