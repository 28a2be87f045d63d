"""A commit group's events as columns, user after user; unreadable records are rejected."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.observers.arrival_counts import Arrivals
from agents.observers.outcome_log import Places
from agents.plays.event_rows import EVENT, Row, columns_of
from agents.plays.reject_batch import reject_batch, reject_record
from model.arrays import Flags
from state.keys import item_key, play_id_key
from state.users.event_columns import COPY, Action, EventColumns
from state.users.record import NOTHING_APPLIED
from streams.consumer.slices import Record, Slice
from streams.event_time import counted_at_ms
from streams.fetch.unreadable_batch import is_unreadable
from streams.messages.events import (
    Event,
    Forget,
    Hide,
    Pause,
    Play,
    Resume,
    Shown,
    Unhide,
    UnreadablePlay,
    Wish,
    read_event,
)
from streams.messages.list_requests import token_of
from streams.messages.outcomes import IGNORED, PRIVATE, REJECTED, WISHED
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.positions import position_of
from streams.settings import Settings
from streams.signal_weight import SignalWeights

Offsets = NDArray[np.int64]
_NO_HINTS = Counter[str]()


class ListRequest(NamedTuple):
    """An event that asks for the list of its user."""

    user: bytes
    """The user's key."""
    offset: int
    """The position of the event."""
    token: bytes
    """The name of the request, for the answer."""


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
    requests: dict[int, list[ListRequest]]
    """Per partition, the events that ask for the lists of their users; partitions without any are left out."""


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
    rules = _Rules(settings, time.time_ns() // 1_000_000 if now_ms is None else now_ms)
    partitions = {
        number: _PartitionEvents(rules, number, position_of((epochs or {}).get(number, 0), 0))
        for number in sorted({part.partition for part in slices})
    }
    for part in slices:
        partitions[part.partition].read(part)
    columns, forget_offsets = _columns(partitions.values())
    return Group(
        {number: list(events.users) for number, events in partitions.items()},
        columns,
        forget_offsets,
        {number: events.item_ids for number, events in partitions.items()},
        {number: events.rejects for number, events in partitions.items()},
        {number: events.private_plays() for number, events in partitions.items()},
        np.concatenate([events.copies_only for events in partitions.values()]),
        _arrivals(slices, partitions.values(), rules),
        {number: events.places() for number, events in partitions.items()},
        {number: events.requests for number, events in partitions.items() if events.requests},
    )


class _Rules:
    """The settings and the clock by which the records of a group are read."""

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self.weights, self.bytes_max = SignalWeights(settings.signals), settings.topics.play_bytes_max
        self.remembers_shown = settings.users.cooldown_shows > 0
        self.n_partitions, self.now_ms = settings.topics.partitions, now_ms
        self.odd_hints: list[str] = []
        """The names of optional fields that were ignored, one for each."""


def _arrivals(slices: Sequence[Slice], partitions: Collection["_PartitionEvents"], rules: _Rules) -> Arrivals:
    """Count the records of a group."""
    return Arrivals(
        sum(len(part.records) for part in slices),
        sum(len(events.rejects) for events in partitions),
        sum(events.n_misplaced for events in partitions),
        sum(events.n_ahead for events in partitions),
        Counter(rules.odd_hints) if rules.odd_hints else _NO_HINTS,
    )


class _PartitionEvents:
    """The events of one partition in a group."""

    def __init__(self, rules: _Rules, partition: int, base: int) -> None:
        """Read by `rules`; `base` is the position of offset 0."""
        self.n_misplaced = self.n_ahead = 0
        self.outcomes: dict[str, list[int]] = {name: [] for name in (REJECTED, PRIVATE, IGNORED, WISHED)}
        self.users: dict[bytes, int] = {}
        self.rows: list[Row] = []
        self.forgets: dict[int, int] = {}
        self.item_ids: dict[int, str] = {}
        self.rejects: list[Item] = []
        self.requests: list[ListRequest] = []
        self._private: dict[bytes, list[Row]] = {}
        self._rules, self._partition, self._base = rules, partition, base
        self._read: list[int] = []
        self._shown, self._users_of_own = set[int](), set[int]()

    def read(self, part: Slice) -> None:
        """Read a slice; its unreadable records are rejected."""
        if is_unreadable(part.records):
            self.rejects += reject_batch(part.records[0])
            return
        rules = self._rules
        types, bytes_max, on_odd = rules.weights.types, rules.bytes_max, rules.odd_hints.append
        for record in part.records:
            position = self._base + record.offset
            self._read.append(position)
            try:
                event = read_event(record.key, record.value, bytes_max, types, on_odd)
            except UnreadablePlay as error:
                self.outcomes[REJECTED].append(position)
                self.rejects.append(reject_record(part.topic, self._partition, record, str(error)))
            else:
                self.add(event, record.key or b"", position, record.timestamp)
                if record.headers:
                    self._take_request(event, record, position)

    def add(self, event: Event, user: bytes, offset: int, arrived_at_ms: int) -> None:
        """Add an event of a user by its position, here called its offset."""
        if not isinstance(event, Play):
            self._add_request(event, user, offset)
            return
        self._count_misplaced(event)
        worth = self._rules.weights.worth(event.type, event.ms_played, event.duration_ms)
        if worth.is_nothing:
            if event.private:
                self.outcomes[PRIVATE].append(offset)
            else:
                self.rows.append((self._user(user), offset, 0, 0.0, 0, 0, Action.NOTHING))
            return
        key = item_key(event.item_id) if event.private else self._item(event.item_id)
        play_id = play_id_key(event.play_id) if event.play_id is not None else 0
        at_ms = counted_at_ms(event.played_at_ms, arrived_at_ms, self._rules.now_ms)
        self.n_ahead += at_ms < event.played_at_ms
        action = Action.PLAY if worth.is_play else Action.SIGNAL
        played = offset, key, worth.weight, at_ms // 1000, play_id, action
        if event.private:
            self.outcomes[PRIVATE].append(offset)
            self._private.setdefault(user, []).append((0, *played))
        else:
            self.rows.append((self._user(user), *played))

    def _take_request(self, event: Event, record: Record, position: int) -> None:
        """Take a request for the list of the event's user.

        A private event leads to no list on `recommendations`, and nothing there may refer to it. An event that
        concerns no record leads to none either.
        """
        token = token_of(record.headers)
        user = record.key or b""
        if token is not None and user in self.users and not (isinstance(event, Play) and event.private):
            self.requests.append(ListRequest(user, position, token))

    def _count_misplaced(self, event: Event) -> None:
        self.n_misplaced += partition_of(event.user_id, self._rules.n_partitions) != self._partition

    def places(self) -> Places:
        """Return the offsets of all records that were read, and of those that are not learned."""
        return Places(np.array(self._read, np.int64), self.outcomes)

    @property
    def copies_only(self) -> Flags:
        """Return a flag for every user without an event but copies, shape (n,)."""
        flags = np.zeros(len(self.users), np.bool_)
        if len(self._users_of_own) < len(self.users):
            flags[:] = True
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

    def _add_request(self, event: Wish, key: bytes, offset: int) -> None:
        is_copy = not isinstance(event, Shown) and event.copy
        if not is_copy:
            self._count_misplaced(event)
        if isinstance(event, Shown) and not self._rules.remembers_shown:
            self.outcomes[IGNORED].append(offset)
            return
        user = self._user(key, is_copy=is_copy)
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

    def _user(self, key: bytes, *, is_copy: bool = False) -> int:
        user = self.users.setdefault(key, len(self.users))
        if not is_copy:
            self._users_of_own.add(user)
        return user


def _columns(partitions: Iterable[_PartitionEvents]) -> tuple[EventColumns, Offsets]:
    """Order events by user and, for a user, by offset, without those before a request to be forgotten."""
    rows, forgets, n_users = list[Row](), dict[int, int](), 0
    for events in partitions:
        first, n_users = n_users, n_users + len(events.users)
        rows += events.rows if not first else [(row[0] + first, *row[1:]) for row in events.rows]
        forgets |= {first + user: offset for user, offset in events.forgets.items()}
    if forgets:
        rows = [row for row in rows if row[1] > forgets.get(row[0], NOTHING_APPLIED)]
    forget_offsets = np.full(n_users, NOTHING_APPLIED, np.int64)
    for user, offset in forgets.items():
        forget_offsets[user] = offset
    return columns_of(rows, n_users), forget_offsets
