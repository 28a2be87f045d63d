"""Commit groups folded: plays into their users' records, and the lists that follow from them.

Nothing here is durable yet and nothing waits: these are functions from records to records, run beside the event loop.
"""

from collections.abc import Sequence

import numpy as np

from agents.group_context import GroupContext, GroupObserver
from agents.observers.outcome_log import OutcomeLog
from agents.plays.changes import Changes, Users, changes_by_partition, without
from agents.plays.decode import Group
from agents.plays.list_answers import requested_lists, with_answers
from model.arrays import Flags, has_any
from state.keys import item_name_key
from state.lists.build import ListBuilder
from state.lists.encode import ListEncoder
from state.lists.publish_policy import PublishPolicy, make_markers, record_published
from state.users.forget import forget
from state.users.learn import half_lives_of, learn
from state.users.record import NOTHING_APPLIED, OWED
from state.users.record_batch import UserRecords, pack, unpack
from streams.settings import Settings


class Folder:
    """Folds groups of events, and users without new events, into records and lists."""

    def __init__(
        self,
        settings: Settings,
        lists: ListBuilder,
        observers: Sequence[GroupObserver],
        outcome_log: OutcomeLog | None = None,
    ) -> None:
        """Build lists with `lists`; the observers see every group in this order."""
        self._outcome_log = outcome_log or OutcomeLog()
        self._settings, self._lists, self._observers = settings, lists, observers
        self._policy, self._encoder = PublishPolicy(settings.lists), ListEncoder(settings)

    def fold(self, group: Group, context: GroupContext) -> dict[int, Changes]:
        """Fold a group's events into its users' records.

        A forgotten user has an empty record, and a tombstone in the place of a list, unless they have played since.
        The list of every other touched user is published if `PublishPolicy` says so, or if an event of the user was
        delivered again: the crash that caused the delivery may have lost the list. Nothing is written for a user
        without a record, if the group has only copies of their requests. An event that asks for its user's list has it
        published in any case, and answered by its headers.
        """
        records = self._unpack(_values(group.users, context), context)
        unknown = group.copies_only
        if has_any(unknown):
            unknown = unknown & (records.header["applied_offset"] == NOTHING_APPLIED)
        before, forgotten = forget(records, group.forget_offsets, context.now_ms // 1000)
        generation = context.generation
        half_lives = generation.manifest.objective.half_lives if generation else half_lives_of(self._settings)
        records, repeated, outcomes = learn(before, group.events, self._settings, half_lives)
        n_users = {partition: len(keys) for partition, keys in group.users.items()}
        self._outcome_log.stage(group.places, n_users, group.events, outcomes)
        for observer in self._observers:
            observer.learned(context, before, group.events, outcomes)
        requested = requested_lists(group) if group.requests else None
        changes = self._settle(group.users, records, repeated | forgotten, context, requested)
        if has_any(unknown):
            changes = _without(changes, group.users, unknown)
        if group.requests:
            changes = with_answers(changes, group, outcomes)
        return _with_names_and_rejects(changes, group, context)

    def refold(self, users: Users, context: GroupContext, *, publish_all: bool) -> dict[int, Changes]:
        """Fold users again, without any event.

        With `publish_all` every list is published; otherwise those that changed, have waited, or grow old.
        """
        return self.refold_values(users, _values(users, context), context, publish_all=publish_all)

    def refold_values(
        self, users: Users, values: Sequence[bytes | None], context: GroupContext, *, publish_all: bool
    ) -> dict[int, Changes]:
        """Fold users again from records that were read before, user after user."""
        records = self._unpack(values, context)
        return self._settle(users, records, np.full(len(records), publish_all), context)

    def _unpack(self, values: Sequence[bytes | None], context: GroupContext) -> UserRecords:
        generation = context.generation
        factors = generation.manifest.objective.factors if generation else self._settings.objective.factors
        return unpack(values, factors)

    def _settle(
        self,
        users: Users,
        records: UserRecords,
        republish: Flags,
        context: GroupContext,
        requested: Flags | None = None,
    ) -> dict[int, Changes]:
        """Make the lists of all users at once, decide on their publication, and write the records."""
        blank = records.blank
        requested = np.zeros(len(records), np.bool_) if requested is None else requested
        messages: dict[int, bytes | None] = {}
        if has_any(blank):
            gone = blank & (republish | requested | (records.header["listed_at_ms"] > 0))
            messages |= dict.fromkeys(gone.nonzero()[0].tolist())
        list_context = context.lists
        if list_context is not None and len(records):
            lists = self._lists.build(records, list_context)
            publishing = self._policy.decide(records, lists, list_context, republish, blank, requested)
            record_published(records, lists, list_context, publishing)
            messages |= self._encoder.encode(users, records, lists, list_context, publishing)
        else:
            records.header["generation_key"] = 0
            records.header["flags"] &= ~np.uint8(OWED)
        make_markers(records, blank, context.now_ms)
        return changes_by_partition(users, records.header["applied_offset"], pack(records), messages)


def _values(users: Users, context: GroupContext) -> list[bytes | None]:
    """Return the records of users, user after user."""
    return [value for partition, keys in users.items() for value in context.states[partition].read(keys)]


def _without(changes: dict[int, Changes], users: Users, left_out: Flags) -> dict[int, Changes]:
    """Return changes without the records and lists of some users, told by their number."""
    every = [(partition, key) for partition, keys in users.items() for key in keys]
    gone = {every[u] for u in np.flatnonzero(left_out).tolist()}
    return {
        partition: without(folded, {key for owner, key in gone if owner == partition})
        for partition, folded in changes.items()
    }


def _with_names_and_rejects(changes: dict[int, Changes], group: Group, context: GroupContext) -> dict[int, Changes]:
    """Add the rejected records, and the names of items that a partition's changelog does not name yet."""
    for partition, ids in group.item_ids.items():
        names = [(item_name_key(key), ids[key].encode()) for key in context.states[partition].names.lacking(ids)]
        folded = changes[partition]
        changes[partition] = folded._replace(changelog=names + folded.changelog, rejects=group.rejects[partition])
    return changes
