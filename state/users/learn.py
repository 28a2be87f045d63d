"""Apply events to their users' records, exactly once."""

from typing import NamedTuple

import numpy as np

from model.arrays import Codes, Flags, Floats, Starts, as_own_array, has_any, lengths_of
from model.decay import HalfLives
from model.history import Histories, Plays, add_plays
from model.item_weights import item_weights
from model.kernel import kernel
from model.objective import DAY_S
from model.ragged import RaggedKeys, RaggedMarks
from state.users.admission import LEARNT, TRIMMED, WISHED, Header, admit
from state.users.event_columns import COPY, Action, EventColumns
from state.users.hidden_and_shown import count_shows, hide
from state.users.record import HEADER
from state.users.record_batch import Shown, UserRecords
from streams.settings import Settings

_PLAY, _NOTHING = int(Action.PLAY), int(Action.NOTHING)
_OF_LISTS = sum(1 << action for action in (Action.HIDE, Action.UNHIDE, Action.SHOWN))
"""Bits of the actions that change hidden and shown items; a signal removes shown ones."""
_STORED = [Action.PLAY, Action.SIGNAL, Action.HIDE, Action.SHOWN, Action.PAUSE]
"""Actions after which something of a user is stored."""


class Learnt(NamedTuple):
    """The result of a group's events."""

    records: UserRecords
    """The records after the events."""
    repeated: Flags
    """True for every user with a redelivered event, shape (n,)."""
    outcomes: Codes
    """The outcome of every event, shape (p,), an index into `OUTCOMES`."""


def half_lives_of(settings: Settings) -> HalfLives:
    """Return the half-lives of the settings, which apply while no generation is in service."""
    return HalfLives(settings.objective.half_life_plays, settings.objective.half_life_days * DAY_S)


def learn(records: UserRecords, events: EventColumns, settings: Settings, half_lives: HalfLives) -> Learnt:
    """Apply events to the records of their users; skip an event that a record contains already.

    An event at or below the user's applied offset is a redelivery. A signal with a stored id is a client's retry.
    A retry, a signal of a paused user, a signal over the limit of its day and a play of which nothing was heard are not
    learnt: they move the applied offset and change nothing else.

    Args:
        records: The users.
        events: Their events.
        settings: The limits of a record.
        half_lives: The half-lives of the generation in service. They affect `trimmed` outcomes only, and no record.
    """
    events = without_idle_copies(events, records)
    header = records.header.view(np.uint8).copy().view(HEADER)  # bytes are copied faster than fields
    limits = settings.users.play_ids_max, settings.signals.per_day_max, settings.users.days_max
    outcomes, repeated, fresh_starts, fresh, applied_kinds, ids, days = admit(
        header,
        as_own_array(events.starts, np.int64),
        as_own_array(events.offsets, np.int64),
        as_own_array(events.at_s, np.uint32),
        as_own_array(events.play_ids, np.uint64),
        as_own_array(events.actions, np.uint8),
        as_own_array(records.play_ids.starts, np.int64),
        as_own_array(records.play_ids.keys, np.uint64),
        as_own_array(records.days.starts, np.int64),
        as_own_array(records.days.marks, np.uint32),
        *limits,
    )
    shown, hidden = _shown_and_hidden(records, header, events, outcomes, applied_kinds, settings)
    learnt = events.item_keys, events.weights, events.at_s, events.actions == _PLAY
    if len(fresh) < len(events.offsets):
        learnt = tuple(column[fresh] for column in learnt)
    histories, header["plays"] = add_plays(
        records.histories, header["plays"], Plays(fresh_starts, *learnt), settings.users.history_max
    )
    _mark_trimmed(outcomes, events, histories, half_lives, settings.signals.item_weight_max)
    stored = RaggedKeys(*ids), hidden, shown, records.listed, RaggedMarks(*days)
    after = UserRecords(header, histories, *stored, records.vectors)
    return Learnt(after, repeated, outcomes)


def _shown_and_hidden(
    records: UserRecords,
    header: Header,
    events: EventColumns,
    outcomes: Codes,
    applied_kinds: int,
    settings: Settings,
) -> tuple[Shown, RaggedKeys]:
    """Return the shown and the hidden items after the events, of which some kinds of actions took effect."""
    shown, hidden, users = records.shown, records.hidden, settings.users
    if not applied_kinds & _OF_LISTS and not len(shown.item_keys):
        return shown, hidden
    columns = events.starts, events.item_keys, events.actions, events.weights
    applied, cooldown = outcomes <= WISHED, (users.cooldown_shows, users.cooldown_plays)
    shown = count_shows(shown, header["plays"], columns, applied, users.shown_max, cooldown)
    return shown, hide(hidden, columns, applied, users.hidden_max)


def without_idle_copies(events: EventColumns, records: UserRecords) -> EventColumns:
    """Return events in which copies of requests are the requests, or nothing.

    A copy is nothing for an empty record, before the first signal or request of its user that is no copy.

    Args:
        events: The events.
        records: The records of their users.
    """
    copies: Flags = events.actions >= COPY
    if not has_any(copies):
        return events
    actions = np.where(copies, events.actions & ~np.uint8(COPY), events.actions)
    n_stored = np.concatenate(([0], np.cumsum(~copies & np.isin(events.actions, _STORED))))
    n_before = n_stored[:-1] - np.repeat(n_stored[events.starts[:-1]], np.diff(events.starts))
    idle = copies & np.repeat(records.blank, np.diff(events.starts)) & (n_before == 0)
    return events._replace(actions=np.where(idle, np.uint8(_NOTHING), actions))


def _mark_trimmed(
    outcomes: Codes, events: EventColumns, histories: Histories, half_lives: HalfLives, weight_max: float
) -> None:
    """Mark the signals of items whose weight is at its limit as trimmed."""
    if _weights_at_most(histories.starts, histories.values) < weight_max:
        return
    items = item_weights(histories, half_lives, weight_max)
    full = np.flatnonzero(np.abs(items.weights) >= weight_max)
    if len(full):
        owners = np.searchsorted(items.starts, full, side="right") - 1
        pairs = {*zip(owners.tolist(), items.item_keys[full].tolist(), strict=True)}
        users = np.repeat(np.arange(len(events.starts) - 1), lengths_of(events.starts))
        signals = zip(users.tolist(), events.item_keys.tolist(), strict=True)
        trimmed = np.array([pair in pairs for pair in signals], np.bool_)
        outcomes[trimmed & (outcomes == LEARNT)] = TRIMMED


@kernel
def _weights_at_most(starts: Starts, values: Floats) -> float:
    """Return a bound of the weight of any item: the longest history times the largest signal."""
    longest, largest = 0, np.float32(0)
    for u in range(len(starts) - 1):
        longest = max(longest, starts[u + 1] - starts[u])
    for i in range(len(values)):
        largest = max(largest, abs(values[i]))
    return longest * float(largest)
