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
from agents.plays.decode import Group, to_columns
from state.users.event_columns import EventColumns
from state.users.record import NOTHING_APPLIED
from streams.settings import Settings


@dataclass
class _Session:
    """What one listener played in private."""

    plays: NDArray[np.void]
    """Of `agents.plays.decode.EVENT`, by offset."""
    at_s: float
    """When the latest of them came, by the clock of the sessions."""


class PrivateSessions:
    """The sessions of a worker, those of whoever played in private last.

    One thread at a time uses them. A session ends `private_s` seconds after its last play, or with the listener's wish
    to be forgotten; a pause does not matter to it, since nothing is learnt of it anyway.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            settings: How many sessions, of how many plays, for how long.
            clock: Tells seconds that never go back.
        """
        self._settings, self._clock = settings, clock
        self._sessions: OrderedDict[tuple[int, bytes], _Session] = OrderedDict()

    def __len__(self) -> int:
        """Return how many sessions there are."""
        return len(self._sessions)

    def expire(self) -> None:
        """Let go of what is too old."""
        latest_gone = self._clock() - self._settings.private.idle_s
        while self._sessions and next(iter(self._sessions.values())).at_s <= latest_gone:
            self._sessions.popitem(last=False)

    def take(self, group: Group, partitions: Collection[int]) -> dict[int, list[bytes]]:
        """Take in the private plays of a group, and its wishes to be forgotten.

        A play at or below the last one of its session was delivered again, and is in it already.

        Args:
            group: The group.
            partitions: Those that are ours; the sessions of others go.

        Returns:
            Per partition, the users who played in private.
        """
        self.expire()
        for place in [place for place in self._sessions if place[0] not in partitions]:
            del self._sessions[place]
        for partition, user, wish in _forgotten(group):
            self._end((partition, user), wish)
        for partition, plays in group.private.items():
            for user, rows in plays.items():
                self._add((partition, user), rows)
        return {
            partition: [user for user in plays if (partition, user) in self._sessions]
            for partition, plays in group.private.items()
        }

    def events_of(self, users: Users) -> EventColumns:
        """Return all that is held of users who have sessions, user after user."""
        sessions = [self._sessions[partition, user].plays for partition, keys in users.items() for user in keys]
        events = np.concatenate(sessions)
        events["user"] = np.repeat(np.arange(len(sessions)), [len(plays) for plays in sessions])
        return to_columns(events, len(sessions))

    def _add(self, place: tuple[int, bytes], rows: NDArray[np.void]) -> None:
        held = self._sessions.get(place)
        plays = rows if held is None else np.concatenate((held.plays, rows[rows["offset"] > held.plays["offset"][-1]]))
        _, first = np.unique(plays["offset"], return_index=True)  # a slice may wait twice
        self._sessions[place] = _Session(plays[first[-self._settings.private.plays_max :]], self._clock())
        self._sessions.move_to_end(place)
        while len(self._sessions) > self._settings.private.sessions_max:
            self._sessions.popitem(last=False)

    def _end(self, place: tuple[int, bytes], wish: int) -> None:
        """Let go of what a listener played before their wish to be forgotten."""
        held = self._sessions.get(place)
        if held is not None:
            held.plays = held.plays[held.plays["offset"] > wish]
            if not len(held.plays):
                del self._sessions[place]


def _forgotten(group: Group) -> Iterator[tuple[int, bytes, int]]:
    """Yield partition, key and wish of every user of a group who wished to be forgotten."""
    if (group.forget_offsets > NOTHING_APPLIED).any():
        users = [(partition, user) for partition, keys in group.users.items() for user in keys]
        for u in np.flatnonzero(group.forget_offsets > NOTHING_APPLIED).tolist():
            yield *users[u], int(group.forget_offsets[u])
