"""Private sessions: what listeners play in private shapes lists of its own for a while, and is in memory alone.

Nothing here is written: a session is applied to a copy of its listener's record, which is thrown away once it is
ranked. After a crash, or when a partition goes to another worker, its sessions are simply gone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.plays.decode import Group, laid_out
from agents.plays.fold import Changes, Users
from state.generations.generation import Generation
from state.lists.build import Lists, relist
from state.lists.encode import encode_lists
from state.lists.popularity import LivePopular
from state.lists.publish_policy import Publishing, Reason
from state.lists.ranker import Ranker
from state.users.event_columns import EventColumns
from state.users.learn import learn
from state.users.partition import PartitionState
from state.users.record import NOTHING_APPLIED
from state.users.record_batch import UserRecords, unpack
from streams.outbox import Item
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
        latest_gone = self._clock() - self._settings.private_s
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
        return laid_out(events, len(sessions))

    def _add(self, place: tuple[int, bytes], rows: NDArray[np.void]) -> None:
        held = self._sessions.get(place)
        plays = rows if held is None else np.concatenate((held.plays, rows[rows["offset"] > held.plays["offset"][-1]]))
        _, first = np.unique(plays["offset"], return_index=True)  # a slice may wait twice
        self._sessions[place] = _Session(plays[first[-self._settings.private_plays_max :]], self._clock())
        self._sessions.move_to_end(place)
        while len(self._sessions) > self._settings.private_sessions_max:
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


def add_private_lists(
    changes: dict[int, Changes],
    group: Group,
    sessions: PrivateSessions,
    states: Mapping[int, PartitionState],
    generation: Generation | None,
    settings: Settings,
    now_ms: int,
    ranker: Ranker | None = None,
    popular: LivePopular | None = None,
) -> dict[int, Changes]:
    """Take in a group's private plays, and add the lists that they shape to what the group changes.

    A session is applied on top of its listener's record as it is once the group's other events are in it. Neither the
    record nor the list made of it knows of the session.
    """
    users = sessions.take(group, states)
    if generation is None or not any(users.values()):
        return changes
    records = _on_copies(users, sessions, changes, states, generation, settings)
    popular_now = partial(popular.now, generation, now_ms) if popular is not None else None
    lists = relist(records, generation, settings, ranker, popular_now, now_ms)
    found = _encode(users, records.header, lists, generation, settings, now_ms)
    return {partition: made._replace(private=found.get(partition, [])) for partition, made in changes.items()}


def _on_copies(
    users: Users,
    sessions: PrivateSessions,
    changes: Mapping[int, Changes],
    states: Mapping[int, PartitionState],
    generation: Generation,
    settings: Settings,
) -> UserRecords:
    """Return copies of users' records as if they had learnt what was played in private; nobody keeps them."""
    values: list[bytes | None] = []
    for partition, keys in users.items():
        written = dict(changes[partition].changelog)
        stored = states[partition].read(keys) if keys else []
        values += [written.get(key, value) for key, value in zip(keys, stored, strict=True)]
    records = unpack(values, generation.manifest.objective.factors)
    applied = records.header["applied_offset"].copy()
    records.header["applied_offset"] = NOTHING_APPLIED  # a session goes on after plays that are not private
    records.header["flags"] = 0  # a pause is about what is kept
    learnt = learn(records, sessions.events_of(users), settings).records
    learnt.header["applied_offset"] = np.maximum(learnt.header["applied_offset"], applied)
    return learnt


def _encode(
    users: Users, header: NDArray[np.void], lists: Lists, generation: Generation, settings: Settings, now_ms: int
) -> dict[int, list[Item]]:
    """Write all lists, each marked as private, without a reason for any item: no private play is named."""
    everybody = np.ones(len(header), np.bool_)
    found = Publishing(everybody, ~everybody, np.full(len(header), Reason.CHANGED, np.uint8), lists.scores[:, 0])
    settings = msgspec.structs.replace(settings, because_n=0, list_expires_s=settings.private_expires_s)
    messages = iter(encode_lists(users, header, lists, found, generation, settings, now_ms, private=True).values())
    return {partition: list(zip(keys, messages, strict=False)) for partition, keys in users.items()}
