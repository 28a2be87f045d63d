"""Lists that private plays shape: a session is applied to a copy of its listener's record, which is never written."""

from collections.abc import Mapping

import numpy as np

from agents.group_context import GroupContext
from agents.plays.changes import Changes, Users
from agents.plays.decode import Group
from agents.plays.private_sessions import PrivateSessions
from state.generations.generation import Generation
from state.lists.build import ListBuilder, Lists
from state.lists.context import ListContext
from state.lists.encode import ListEncoder
from state.lists.publish_policy import Publishing, Reason
from state.users.learn import learn
from state.users.record import NOTHING_APPLIED
from state.users.record_batch import UserRecords, unpack
from streams.outbox import Item
from streams.settings import Settings


class PrivateLists:
    """Adds private lists to the changes of commit groups."""

    def __init__(self, settings: Settings, lists: ListBuilder, sessions: PrivateSessions) -> None:
        """Build lists with `lists` from the plays of `sessions`."""
        self._settings, self._lists, self.sessions = settings, lists, sessions
        self._encoder = ListEncoder(settings, private=True)

    def add(self, changes: dict[int, Changes], group: Group, context: GroupContext) -> dict[int, Changes]:
        """Take a group's private plays into their sessions, and add the lists of those sessions to the changes.

        A session is applied on top of its listener's record as it is after the group's other events. Neither the
        record nor the list made of it contains anything of the session.
        """
        users = self.sessions.take(group, context.states)
        list_context = context.lists
        if list_context is None or not any(users.values()):
            return changes
        records = self._learned_copies(users, changes, context, list_context.generation)
        lists = self._lists.build(records, list_context)
        messages = self._encode(users, records, lists, list_context)
        return {partition: made._replace(private=messages.get(partition, [])) for partition, made in changes.items()}

    def _learned_copies(
        self, users: Users, changes: Mapping[int, Changes], context: GroupContext, generation: Generation
    ) -> UserRecords:
        """Return copies of users' records that have learned the private plays; the copies are never written."""
        values: list[bytes | None] = []
        for partition, keys in users.items():
            written = dict(changes[partition].changelog)
            stored = context.states[partition].read(keys) if keys else []
            values += [written.get(key, value) for key, value in zip(keys, stored, strict=True)]
        records = unpack(values, generation.manifest.objective.factors)
        applied = records.header["applied_offset"].copy()
        records.header["applied_offset"] = NOTHING_APPLIED  # a session goes on after plays that are not private
        records.header["flags"] = 0  # a pause only concerns what is stored
        half_lives = generation.manifest.objective.half_lives
        learnt = learn(records, self.sessions.events_of(users), self._settings, half_lives).records
        learnt.header["applied_offset"] = np.maximum(learnt.header["applied_offset"], applied)
        return learnt

    def _encode(self, users: Users, records: UserRecords, lists: Lists, context: ListContext) -> dict[int, list[Item]]:
        """Encode all lists, by partition."""
        everybody = np.ones(len(records), np.bool_)
        reasons = np.full(len(records), Reason.CHANGED, np.uint8)
        publishing = Publishing(everybody, ~everybody, reasons, lists.scores[:, 0])
        messages = iter(self._encoder.encode(users, records, lists, context, publishing).values())
        return {partition: list(zip(keys, messages, strict=False)) for partition, keys in users.items()}
