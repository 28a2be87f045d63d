"""A commit group's events as columns, user after user; what cannot be read is set aside."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from state.keys import item_key, play_id_key
from state.learn import PlayColumns
from state.user_record import NOTHING_APPLIED
from streams.outbox import Item
from streams.records import Event, Forget, RejectedPlay, UnreadablePlay, read_event
from streams.slices import Record, Slice

Offsets = NDArray[np.int64]


class Group(NamedTuple):
    """The events of a commit group."""

    users: dict[int, list[bytes]]
    """Keys of the touched users, per partition; user number `u` counts through all of them."""
    plays: PlayColumns
    """Without those before a user's wish to be forgotten."""
    forget_offsets: Offsets
    """Where each user wished last to be forgotten, shape (n,); `NOTHING_APPLIED` for most."""
    item_ids: dict[int, dict[int, str]]
    """Per partition, the id behind every item key."""
    rejects: dict[int, list[Item]]
    """Per partition, what goes to the rejected plays."""


def read_group(slices: Sequence[Slice], play_bytes_max: int) -> Group:
    """Decode and check the events of a group, and group them by user.

    A private play is neither kept nor rejected: nothing of it is written anywhere.
    """
    parts = {number: _Part() for number in sorted(part.partition for part in slices)}
    for topic, partition, records, _ in slices:
        part = parts[partition]
        for record in records:
            try:
                event = read_event(record.key, record.value, play_bytes_max)
            except UnreadablePlay as error:
                part.reject(topic, partition, record, str(error))
                continue
            part.take(event, record.offset)
    plays, forget_offsets = _columns(parts.values())
    return Group(
        {number: list(part.users) for number, part in parts.items()},
        plays,
        forget_offsets,
        {number: part.item_ids for number, part in parts.items()},
        {number: part.rejects for number, part in parts.items()},
    )


class _Part:
    """What a group has of one partition."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.users: dict[bytes, int] = {}
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.forgets: dict[int, int] = {}
        self.item_ids: dict[int, str] = {}
        self.rejects: list[Item] = []

    def take(self, event: Event, offset: int) -> None:
        """Take an event in."""
        if isinstance(event, Forget):
            self.forgets[self._user(event)] = offset
        elif not event.private:
            key = item_key(event.item_id)
            self.item_ids[key] = event.item_id
            play_id = play_id_key(event.play_id) if event.play_id is not None else 0
            self.rows.append((self._user(event), offset, key, event.played_at_ms // 1000, play_id))

    def reject(self, topic: str, partition: int, record: Record, reason: str) -> None:
        """Set aside what cannot be read."""
        key, value = record.key, record.value
        rejected = RejectedPlay(
            topic=topic, partition=partition, offset=record.offset, reason=reason, key=key, value=value
        )
        self.rejects.append((key or b"", msgspec.json.encode(rejected)))

    def _user(self, event: Event) -> int:
        return self.users.setdefault(event.user_id.encode(), len(self.users))


_PLAY = np.dtype([("user", "i8"), ("offset", "i8"), ("item_key", "u8"), ("played_at_s", "u4"), ("play_id", "u8")])


def _columns(parts: Iterable[_Part]) -> tuple[PlayColumns, Offsets]:
    """Order plays by user and, for a user, by offset; leave out those that a wish to be forgotten came after."""
    found, wishes, first = [], list[Offsets](), 0
    for part in parts:
        plays = np.array(part.rows, _PLAY)
        plays["user"] += first
        first += len(part.users)
        found.append(plays)
        forgets = np.full(len(part.users), NOTHING_APPLIED, np.int64)
        forgets[list(part.forgets)] = list(part.forgets.values())
        wishes.append(forgets)
    plays, forget_offsets = np.concatenate(found), np.concatenate(wishes)
    plays = plays[plays["offset"] > forget_offsets[plays["user"]]]
    plays = plays[np.lexsort((plays["offset"], plays["user"]))]
    columns = PlayColumns(
        np.searchsorted(plays["user"], np.arange(first + 1)),
        np.ascontiguousarray(plays["offset"]),
        np.ascontiguousarray(plays["item_key"]),
        np.ones(len(plays), np.float32),
        np.ascontiguousarray(plays["played_at_s"]),
        np.ascontiguousarray(plays["play_id"]),
    )
    return columns, forget_offsets
