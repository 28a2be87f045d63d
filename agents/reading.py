"""A commit group's plays as columns, user after user; what cannot be read is set aside."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from state.keys import item_key, play_id_key
from state.learn import PlayColumns
from streams.outbox import Item
from streams.records import RejectedPlay, UnreadablePlay, read_play
from streams.slices import Slice


class Group(NamedTuple):
    """The plays of a commit group."""

    users: dict[int, list[bytes]]
    """Keys of the touched users, per partition; user number `u` counts through all of them."""
    plays: PlayColumns
    item_ids: dict[int, dict[int, str]]
    """Per partition, the id behind every item key."""
    rejects: dict[int, list[Item]]
    """Per partition, what goes to the rejected plays."""


def read_group(slices: Sequence[Slice], play_bytes_max: int) -> Group:
    """Decode and check the plays of a group, and group them by user.

    A private play is neither kept nor rejected: nothing of it is written anywhere.
    """
    users: dict[int, dict[bytes, int]] = {
        part.partition: {} for part in sorted(slices, key=lambda part: part.partition)
    }
    item_ids: dict[int, dict[int, str]] = {partition: {} for partition in users}
    rejects: dict[int, list[Item]] = {partition: [] for partition in users}
    rows: dict[int, list[tuple[int, int, int, int, int]]] = {partition: [] for partition in users}
    for topic, partition, records, _ in slices:
        seen, ids, found = users[partition], item_ids[partition], rows[partition]
        for record in records:
            try:
                play = read_play(record.key, record.value, play_bytes_max)
            except UnreadablePlay as error:
                rejected = RejectedPlay(
                    topic=topic,
                    partition=partition,
                    offset=record.offset,
                    reason=str(error),
                    key=record.key,
                    value=record.value,
                )
                rejects[partition].append((record.key or b"", msgspec.json.encode(rejected)))
                continue
            if play.private:
                continue
            key = item_key(play.item_id)
            ids[key] = play.item_id
            user = seen.setdefault(play.user_id.encode(), len(seen))
            play_id = play_id_key(play.play_id) if play.play_id is not None else 0
            found.append((user, record.offset, key, play.played_at_ms // 1000, play_id))
    return Group({p: list(seen) for p, seen in users.items()}, _columns(users, rows), item_ids, rejects)


_PLAY = np.dtype([("user", "i8"), ("offset", "i8"), ("item_key", "u8"), ("played_at_s", "u4"), ("play_id", "u8")])


def _columns(users: dict[int, dict[bytes, int]], rows: dict[int, list[tuple[int, int, int, int, int]]]) -> PlayColumns:
    """Order plays by user and, for a user, by offset."""
    parts, first = [], 0
    for partition, found in rows.items():
        part = np.array(found, _PLAY)
        part["user"] += first
        first += len(users[partition])
        parts.append(part)
    plays = np.concatenate(parts)
    plays = plays[np.lexsort((plays["offset"], plays["user"]))]
    starts = np.searchsorted(plays["user"], np.arange(first + 1))
    return PlayColumns(
        starts,
        np.ascontiguousarray(plays["offset"]),
        np.ascontiguousarray(plays["item_key"]),
        np.ones(len(plays), np.float32),
        np.ascontiguousarray(plays["played_at_s"]),
        np.ascontiguousarray(plays["play_id"]),
    )
