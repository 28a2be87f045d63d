"""Recomputes one listener's record: the decoding and the learning of a worker, without lists and without a store."""

from collections.abc import Sequence
from typing import NamedTuple

from agents.plays.decode import read_group
from state.users.admission import OUTCOMES
from state.users.forget import forget
from state.users.learn import half_lives_of, learn
from state.users.record import UserRecord
from state.users.record_batch import UserRecords, new_users, pack
from streams.consumer.slices import Record, Slice
from streams.settings import Settings
from streams.topics.topics import topic_names


class Recomputed(NamedTuple):
    """The result of a listener's events."""

    record: UserRecord
    """The record that the events lead to from an empty one; without a vector and without a list."""
    outcomes: dict[int, str]
    """By offset, the outcome of each of the latest events, of `OUTCOMES`. A private or rejected event has none."""


def recompute(records: Sequence[Record], n_latest: int, partition: int, settings: Settings) -> Recomputed:
    """Apply a listener's events to an empty record, the latest events one at a time.

    The record does not depend on how the events are split into groups, nor on the generation in service. The outcome
    `trimmed` does: here it means that the item has its largest weight right after the event, by the half-lives of the
    settings.

    Args:
        records: Events of one listener by offset, as they are on `plays`.
        n_latest: How many of the last events get an outcome.
        partition: Their partition.
        settings: The settings of the workers.
    """
    n_older = max(0, len(records) - n_latest)
    user, _ = _apply(new_users(1, 1), records[:n_older], partition, settings)
    outcomes = {}
    for record in records[n_older:]:
        user, outcome = _apply(user, [record], partition, settings)
        if outcome is not None:
            outcomes[record.offset] = outcome
    return Recomputed(UserRecord.decode(pack(user)[0]), outcomes)


def _apply(
    user: UserRecords, records: Sequence[Record], partition: int, settings: Settings
) -> tuple[UserRecords, str | None]:
    """Apply events as one group; return the record and the outcome of the last event in it."""
    group = read_group([Slice(topic_names(settings).plays, partition, records, None)], settings)
    if not group.users[partition]:
        return user, None
    emptied, _ = forget(user, group.forget_offsets, 0)
    learned = learn(emptied, group.events, settings, half_lives_of(settings))
    return learned.records, OUTCOMES[learned.outcomes[-1]] if len(learned.outcomes) else "wished"
