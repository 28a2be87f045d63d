"""Plays as Kafka delivers them, and states that apply the changes of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from agents.group_context import GroupContext, GroupObserver
from agents.plays.changes import Changes, Users
from agents.plays.decode import read_group
from agents.plays.fold import Folder
from state.generations.generation import Generation
from state.lists.build import ListBuilder
from state.lists.popularity import Popularity, TrainedPopularity
from state.lists.ranker import Ranker
from state.users.changelog import Place
from state.users.partition import PartitionState
from streams.consumer.slices import Slice
from streams.messages.records import Recommendations
from streams.settings import Settings
from tests.support.plays import FIRST_PLAY_MS, play_record

FIRST_S = FIRST_PLAY_MS // 1000
ARRIVED_MS, NOW_MS = 1_750_000_000_000, 1_800_000_000_000


@dataclass
class Delivered:
    """A record of `plays`."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = ARRIVED_MS
    timestamp_type: int = 1
    headers: Sequence[tuple[str, bytes | None]] = ()


def play(user: str, item: str, at_s: int = FIRST_S, **fields: Any) -> bytes:
    """Return a play as it travels."""
    return played(user, item, at_s, **fields)[1]


def played(user: str, item: str, at_s: int = FIRST_S, **fields: Any) -> tuple[bytes, bytes]:
    """Return key and value of a play."""
    key, value = play_record(user, item, 1000 * at_s, **fields)
    assert value is not None
    return key, value


def slice_of(partition: int, first: int, *items: tuple[bytes | None, bytes | None]) -> Slice:
    """Return a slice of consecutive records."""
    records = [Delivered(offset, key, value) for offset, (key, value) in enumerate(items, first)]
    return Slice("plays", partition, records, cast(Any, SimpleNamespace(offset=first + len(items) - 1)))


def folder_of(
    settings: Settings,
    *observers: GroupObserver,
    ranker: Ranker | None = None,
    popularity: Popularity | None = None,
) -> Folder:
    """Return a folder; without a ranker and popularity: of all items, with the popularity of the training."""
    lists = ListBuilder(settings, ranker or Ranker(settings.ranking), popularity or TrainedPopularity())
    return Folder(settings, lists, observers)


def refold(
    users: Users,
    states: Mapping[int, PartitionState],
    generation: Generation | None,
    settings: Settings,
    now_ms: int = NOW_MS,
) -> dict[int, Changes]:
    """Fold users again, and publish all their lists."""
    return folder_of(settings).refold(users, GroupContext(states, generation, now_ms), publish_all=True)


def fold_slices(
    slices: Sequence[Slice],
    states: Mapping[int, PartitionState],
    generation: Generation | None,
    settings: Settings,
    now_ms: int = NOW_MS,
) -> dict[int, Changes]:
    """Fold slices, and apply the changes to the states as a commit does."""
    context = GroupContext(states, generation, now_ms)
    changes = folder_of(settings).fold(read_group(slices, settings), context)
    make_durable(changes, states)
    return changes


def make_durable(changes: Mapping[int, Changes], states: Mapping[int, PartitionState]) -> None:
    """Write changes into the states at the places that a changelog of their own would give them."""
    for partition, changed in changes.items():
        state = states[partition]
        highest = max(state.place.applied_offset_max, changed.applied_offset_max)
        state.commit(changed.changelog, Place(state.place.changelog_offset + len(changed.changelog), highest))


def lists_of(changes: Mapping[int, Changes]) -> dict[str, Recommendations]:
    """Return the lists of a group by user; the message's key is the user's id."""
    latest = {}
    for partition in changes.values():
        for key, value in partition.lists:
            assert value is not None
            recommended = msgspec.json.decode(value, type=Recommendations)
            assert key == recommended.user_id.encode()
            latest[recommended.user_id] = recommended
    return latest
