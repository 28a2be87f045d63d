"""Private sessions: the private plays of listeners, held for a while, and in memory alone.

Nothing of a session is written. After a crash, or when a partition goes to another worker, its sessions are gone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.plays.changes import Users
from agents.plays.decode import Group
from agents.plays.event_rows import to_columns
from model.arrays import has_any
from state.users.event_columns import EventColumns
from state.users.record import NOTHING_APPLIED
from streams.settings.users import PrivateSettings


@dataclass
class _Session:
    """The private plays of one listener."""

    plays: NDArray[np.void]
    """Of `agents.plays.decode.EVENT`, by offset."""
    latest_s: float
    """Arrival of the latest play, by the clock of the sessions."""


class PrivateSessions:
    """The private sessions of a worker: the latest ones, a bounded number.

    One thread at a time uses them. A session ends `private.idle_s` seconds after its last play, or with the listener's
    request to be forgotten. A pause does not change it, since a session is never stored.
    """

    def __init__(self, settings: PrivateSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare sessions.

        Args:
            settings: The number of sessions, their plays and their duration.
            clock: Returns seconds that never go back.
        """
        self._settings, self._clock = settings, clock
        self._sessions: OrderedDict[tuple[int, bytes], _Session] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)

    def expire(self) -> None:
        """Remove idle sessions."""
        idle_since = self._clock() - self._settings.idle_s
        while self._sessions and next(iter(self._sessions.values())).latest_s <= idle_since:
            self._sessions.popitem(last=False)

    def take(self, group: Group, partitions: Collection[int]) -> dict[int, list[bytes]]:
        """Add the private plays of a group, and apply its requests to be forgotten.

        A play at or below the last offset of its session was delivered again, and is ignored.

        Args:
            group: The group.
            partitions: The partitions of this worker; sessions of other partitions are removed.

        Returns:
            Per partition, the users with private plays in the group.
        """
        self.expire()
        for place in [place for place in self._sessions if place[0] not in partitions]:
            del self._sessions[place]
        for partition, user, offset in _forgotten(group):
            self._forget((partition, user), offset)
        for partition, plays in group.private.items():
            for user, rows in plays.items():
                self._add((partition, user), rows)
        return {
            partition: [user for user in plays if (partition, user) in self._sessions]
            for partition, plays in group.private.items()
        }

    def events_of(self, users: Users) -> EventColumns:
        """Return the private plays of users with sessions, user after user."""
        sessions = [self._sessions[partition, user].plays for partition, keys in users.items() for user in keys]
        events = np.concatenate(sessions)
        events["user"] = np.repeat(np.arange(len(sessions)), [len(plays) for plays in sessions])
        return to_columns(events, len(sessions))

    def _add(self, place: tuple[int, bytes], rows: NDArray[np.void]) -> None:
        session = self._sessions.get(place)
        plays = rows
        if session is not None:
            plays = np.concatenate((session.plays, rows[rows["offset"] > session.plays["offset"][-1]]))
        _, first = np.unique(plays["offset"], return_index=True)  # a slice may be in the group twice
        self._sessions[place] = _Session(plays[first[-self._settings.plays_max :]], self._clock())
        self._sessions.move_to_end(place)
        while len(self._sessions) > self._settings.sessions_max:
            self._sessions.popitem(last=False)

    def _forget(self, place: tuple[int, bytes], offset: int) -> None:
        """Remove the plays before a listener's request to be forgotten, and an empty session."""
        session = self._sessions.get(place)
        if session is not None:
            session.plays = session.plays[session.plays["offset"] > offset]
            if not len(session.plays):
                del self._sessions[place]


def _forgotten(group: Group) -> Iterator[tuple[int, bytes, int]]:
    """Yield the partition, key and request offset of every user of a group with a request to be forgotten."""
    if has_any(group.forget_offsets > NOTHING_APPLIED):
        users = [(partition, user) for partition, keys in group.users.items() for user in keys]
        for u in np.flatnonzero(group.forget_offsets > NOTHING_APPLIED).tolist():
            yield *users[u], int(group.forget_offsets[u])
