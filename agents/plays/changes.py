"""The changes of a commit group, partition by partition."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.outbox import Headers, Item

Users = Mapping[int, Sequence[bytes]]
"""Per partition, keys of users; user number `u` of a batch counts through all partitions."""


class Changes(NamedTuple):
    """The records of one partition that a commit group makes durable."""

    changelog: list[Item]
    """User records by ascending applied offset, behind the names of items that are new to the partition; or
    tombstones."""
    applied_offset_max: int
    lists: list[Item]
    """A tombstone for a forgotten user."""
    rejects: list[Item]
    private: Sequence[Item] = ()
    """Lists that private plays shape."""
    answers: Mapping[bytes, Headers] = MappingProxyType({})
    """By user, the headers of a list that answers events."""

    @property
    def list_headers(self) -> list[Headers] | None:
        """Return the headers of every list; None if no list has any."""
        return [self.answers.get(key, ()) for key, _ in self.lists] if self.answers else None


def changes_by_partition(
    users: Users, applied: NDArray[np.int64], values: Sequence[bytes], messages: Mapping[int, bytes | None]
) -> dict[int, Changes]:
    """Split the records and lists of a batch of users by partition.

    Args:
        users: The users.
        applied: Their applied offsets, shape (n,).
        values: Their records.
        messages: The published lists by the user's number; None is a tombstone.
    """
    changes, first, offsets = {}, 0, applied.tolist()
    for partition, keys in users.items():
        end = first + len(keys)
        order = sorted(range(first, end), key=offsets.__getitem__)
        changes[partition] = Changes(
            [(keys[u - first], values[u]) for u in order],
            max(offsets[first:end], default=-1),
            [(keys[u - first], messages[u]) for u in order if u in messages],
            [],
        )
        first = end
    return changes


def without(changes: Changes, left_out: AbstractSet[bytes]) -> Changes:
    """Return changes without the records and lists of some users."""
    if not left_out:
        return changes
    return changes._replace(
        changelog=[item for item in changes.changelog if item[0] not in left_out],
        lists=[item for item in changes.lists if item[0] not in left_out],
    )


def remove_markers(users: Users) -> dict[int, Changes]:
    """Return a tombstone for the marker of every forgotten user."""
    return {partition: Changes([(key, None) for key in keys], -1, [], []) for partition, keys in users.items()}
