"""What a commit group changes: plays folded into their users' records, and the lists that follow from them.

Nothing here is durable yet and nothing waits: these are functions from records to records, run beside the event loop.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.observers.live_quality import LiveQuality
from agents.observers.outcome_counts import Tally
from agents.plays.decode import Group
from state.generations.generation import Generation
from state.keys import item_name_key
from state.lists.build import relist
from state.lists.encode import encode_lists
from state.lists.popularity import LivePopular
from state.lists.publish_policy import published, publishing, unlist
from state.lists.ranker import Ranker
from state.users.learn import LEARNT, forget, learn
from state.users.partition import PartitionState
from state.users.record import OWED
from state.users.record_batch import UserRecords, pack, unpack
from streams.outbox import Item
from streams.settings import Settings

Users = Mapping[int, Sequence[bytes]]
"""Per partition, keys of users."""


class Changes(NamedTuple):
    """What a commit group makes durable in one partition."""

    changelog: list[Item]
    """User records by ascending applied offset, behind the names of items that the partition had none of; or
    tombstones."""
    applied_offset_max: int
    lists: list[Item]
    """A tombstone for a user who was forgotten."""
    rejects: list[Item]
    private: Sequence[Item] = ()
    """Lists that private plays shape."""


def fold(
    group: Group,
    states: Mapping[int, PartitionState],
    generation: Generation | None,
    settings: Settings,
    now_ms: int,
    ranker: Ranker | None = None,
    tally: Tally | None = None,
    popular: LivePopular | None = None,
    quality: LiveQuality | None = None,
) -> dict[int, Changes]:
    """Fold a group's events into its users' records.

    A user who wished to be forgotten has an empty record, and a tombstone in the place of a list, unless they have
    played since. Every other touched user's list is published if it changed (`state/lists/publish_policy.py`),
    names another generation than the last one, or grows old, or if an event of the user was delivered again: the crash
    that caused it may have lost the list.
    """
    records = _read(group.users, states, generation, settings)
    before, wished = forget(records, group.forget_offsets, now_ms // 1000)
    records, repeated, outcomes = learn(before, group.events, settings)
    if tally is not None:
        tally.count(outcomes)
    if generation is not None and quality is not None:
        rows = quality.popular_rows(generation, popular, ranker, now_ms)
        quality.score(before, group.events, outcomes, generation, rows, settings)
    if generation is not None and popular is not None:
        fresh = outcomes == LEARNT
        signals = group.events.item_keys[fresh], group.events.weights[fresh], group.events.at_s[fresh]
        popular.learn(generation, *signals, now_ms // 1000)
    changes = _settle(group.users, records, repeated | wished, generation, settings, now_ms, ranker, popular)
    for partition, ids in group.item_ids.items():
        names = [(item_name_key(key), ids[key].encode()) for key in states[partition].unnamed(ids)]
        found = changes[partition]
        changes[partition] = found._replace(changelog=names + found.changelog, rejects=group.rejects[partition])
    return changes


def drop(users: Users) -> dict[int, Changes]:
    """Remove the markers of users who were forgotten: a tombstone each."""
    return {partition: Changes([(key, None) for key in keys], -1, [], []) for partition, keys in users.items()}


def refold(
    users: Users,
    states: Mapping[int, PartitionState],
    generation: Generation | None,
    settings: Settings,
    now_ms: int,
    ranker: Ranker | None = None,
    popular: LivePopular | None = None,
    *,
    again: bool = True,
) -> dict[int, Changes]:
    """Fold users again under a generation, without any play.

    Their lists are published, or, if not `again`, those that changed, have waited for it, or grow old.
    """
    records = _read(users, states, generation, settings)
    return _settle(users, records, np.full(len(records), again), generation, settings, now_ms, ranker, popular)


def _read(
    users: Users, states: Mapping[int, PartitionState], generation: Generation | None, settings: Settings
) -> UserRecords:
    factors = generation.manifest.objective.factors if generation else settings.factors
    return unpack([value for partition, keys in users.items() for value in states[partition].read(keys)], factors)


def _settle(
    users: Users,
    records: UserRecords,
    again: NDArray[np.bool_],
    generation: Generation | None,
    settings: Settings,
    now_ms: int,
    ranker: Ranker | None,
    popular: LivePopular | None,
) -> dict[int, Changes]:
    """Make the lists of all users at once, decide which go out, and write the records."""
    blank = records.blank
    unlisted = blank & (again | (records.header["listed_at_ms"] > 0))
    messages: dict[int, bytes | None] = dict.fromkeys(np.flatnonzero(unlisted).tolist())
    if generation is not None and len(records):
        popular_now = partial(popular.now, generation, now_ms) if popular is not None else None
        lists = relist(records, generation, settings, ranker, popular_now, now_ms)
        found = publishing(records, lists, generation, settings, again, blank, now_ms)
        published(records, found, lists, generation, now_ms)
        messages |= encode_lists(users, records.header, lists, found, generation, settings, now_ms)
    else:
        records.header["generation_key"] = 0
        records.header["flags"] &= ~np.uint8(OWED)
    unlist(records, blank, now_ms)
    return _by_partition(users, records.header["applied_offset"], pack(records), messages)


def _by_partition(
    users: Users, applied: NDArray[np.int64], values: list[bytes], messages: Mapping[int, bytes | None]
) -> dict[int, Changes]:
    changes, first = {}, 0
    for partition, keys in users.items():
        order = np.argsort(applied[first : first + len(keys)], kind="stable").tolist()
        changes[partition] = Changes(
            [(keys[i], values[first + i]) for i in order],
            int(applied[first : first + len(keys)].max(initial=-1)),
            [(keys[i], messages[first + i]) for i in order if first + i in messages],
            [],
        )
        first += len(keys)
    return changes
