"""A commit group's events as columns, user after user; what cannot be read is set aside."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from state.keys import item_key, play_id_key
from state.users.event_columns import Action, EventColumns
from state.users.record import NOTHING_APPLIED
from streams.consumer.slices import Record, Slice
from streams.messages.events import Event, Forget, Hide, Pause, Play, Shown, Unhide, UnreadablePlay, read_event
from streams.messages.records import RejectedPlay
from streams.outbox import Item
from streams.settings import Settings
from streams.signal_weight import PLAY, Worth

Offsets = NDArray[np.int64]


class Group(NamedTuple):
    """The events of a commit group."""

    users: dict[int, list[bytes]]
    """Keys of the touched users, per partition; user number `u` counts through all of them."""
    events: EventColumns
    """Without those before a user's wish to be forgotten."""
    forget_offsets: Offsets
    """Where each user wished last to be forgotten, shape (n,); `NOTHING_APPLIED` for most."""
    item_ids: dict[int, dict[int, str]]
    """Per partition, the id behind every item key."""
    rejects: dict[int, list[Item]]
    """Per partition, what goes to the rejected plays."""
    private: dict[int, dict[bytes, NDArray[np.void]]]
    """Per partition, the private plays of users, of `EVENT`; those users need not be among the touched ones."""


def read_group(slices: Sequence[Slice], settings: Settings) -> Group:
    """Decode and check the events of a group, and group them by user.

    A private play is set apart: none of what becomes of the others becomes of it, so nothing of it is written anywhere.
    """
    worth, remembers_shown = Worth(settings.signals), settings.users.cooldown_shows > 0
    parts = {number: _Part(worth) for number in sorted(part.partition for part in slices)}
    for topic, partition, records, _ in slices:
        part = parts[partition]
        for record in records:
            try:
                event = read_event(record.key, record.value, settings.topics.play_bytes_max, worth.types)
            except UnreadablePlay as error:
                part.reject(topic, partition, record, str(error))
                continue
            if remembers_shown or not isinstance(event, Shown):
                part.take(event, record.offset)
    events, forget_offsets = _columns(parts.values())
    return Group(
        {number: list(part.users) for number, part in parts.items()},
        events,
        forget_offsets,
        {number: part.item_ids for number, part in parts.items()},
        {number: part.rejects for number, part in parts.items()},
        {number: part.private_plays() for number, part in parts.items()},
    )


_Row = tuple[int, int, int, float, int, int, int]
_SAYS_PRIVATE = re.compile(rb'"private"\s*:(?!\s*(?:false|null))')


class _Part:
    """What a group has of one partition."""

    def __init__(self, worth: Worth) -> None:
        """Begin with nothing."""
        self.users: dict[bytes, int] = {}
        self.rows: list[_Row] = []
        self.forgets: dict[int, int] = {}
        self.item_ids: dict[int, str] = {}
        self.rejects: list[Item] = []
        self._private: dict[bytes, list[_Row]] = {}
        self._worth = worth
        self._shown = set[int]()

    def take(self, event: Event, offset: int) -> None:
        """Take an event in."""
        if not isinstance(event, Play):
            self._take_wish(event, offset)
            return
        key = item_key(event.item_id) if event.private else self._item(event.item_id)
        play_id = play_id_key(event.play_id) if event.play_id is not None else 0
        action = Action.PLAY if event.type == PLAY else Action.SIGNAL
        worth = self._worth.of(event.type, event.ms_played, event.duration_ms)
        played = offset, key, worth, event.played_at_ms // 1000, play_id, action
        if event.private:
            self._private.setdefault(event.user_id.encode(), []).append((0, *played))
        else:
            self.rows.append((self._user(event), *played))

    def private_plays(self) -> dict[bytes, NDArray[np.void]]:
        """Return every user's private plays, without those that a wish to be forgotten came after."""
        found = {}
        for user, rows in self._private.items():
            wish = self.forgets.get(self.users.get(user, -1), NOTHING_APPLIED)
            kept = [row for row in rows if row[1] > wish]
            if kept:
                found[user] = np.array(kept, EVENT)
        return found

    def reject(self, topic: str, partition: int, record: Record, reason: str) -> None:
        """Set aside what cannot be read; of what says that it is private, the place and no more."""
        key, value = record.key, record.value
        if value is not None and _SAYS_PRIVATE.search(value):
            key, value, reason = None, None, "a private play cannot be read; what it says stands at its place alone"
        rejected = RejectedPlay(
            topic=topic, partition=partition, offset=record.offset, reason=reason, key=key, value=value
        )
        self.rejects.append((key or b"", msgspec.json.encode(rejected)))

    def _take_wish(self, event: Event, offset: int) -> None:
        user = self._user(event)
        if isinstance(event, Forget):
            self.forgets[user] = offset
        elif isinstance(event, Shown):
            if offset not in self._shown:  # a slice may wait twice
                self._shown.add(offset)
                for item_id in event.item_ids:
                    self.rows.append((user, offset, self._item(item_id), 0.0, 0, 0, Action.SHOWN))
        elif isinstance(event, Hide | Unhide):
            action = Action.HIDE if isinstance(event, Hide) else Action.UNHIDE
            self.rows.append((user, offset, self._item(event.item_id), 0.0, 0, 0, action))
        else:
            action = Action.PAUSE if isinstance(event, Pause) else Action.RESUME
            self.rows.append((user, offset, 0, 0.0, 0, 0, action))

    def _item(self, item_id: str) -> int:
        key = item_key(item_id)
        self.item_ids[key] = item_id
        return key

    def _user(self, event: Event) -> int:
        return self.users.setdefault(event.user_id.encode(), len(self.users))


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
"""An event before it is laid out: the number of its user, then what `EventColumns` has of it."""


def _columns(parts: Iterable[_Part]) -> tuple[EventColumns, Offsets]:
    """Order events by user and, for a user, by offset; leave out those that a wish to be forgotten came after."""
    found, wishes, first = [], list[Offsets](), 0
    for part in parts:
        events = np.array(part.rows, EVENT)
        events["user"] += first
        first += len(part.users)
        found.append(events)
        forgets = np.full(len(part.users), NOTHING_APPLIED, np.int64)
        forgets[list(part.forgets)] = list(part.forgets.values())
        wishes.append(forgets)
    events, forget_offsets = np.concatenate(found), np.concatenate(wishes)
    events = events[events["offset"] > forget_offsets[events["user"]]]
    return laid_out(events[np.lexsort((events["offset"], events["user"]))], first), forget_offsets


def laid_out(events: NDArray[np.void], n_users: int) -> EventColumns:
    """Return events of `EVENT`, ordered by user and by offset, as columns."""
    starts = np.searchsorted(events["user"], np.arange(n_users + 1))
    return EventColumns(starts, *(np.ascontiguousarray(events[name]) for name in (EVENT.names or ())[1:]))
