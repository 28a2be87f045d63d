"""Apply events to their users' records, exactly once."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Flags, Floats, Keys, Starts, as_own_array, has_any, lengths_of
from model.decay import HalfLives
from model.history import Histories, Plays, add_plays
from model.item_weights import item_weights
from model.kernel import kernel
from model.objective import DAY_S
from model.ragged import RaggedKeys, RaggedMarks
from state.users.event_columns import COPY, Action, EventColumns
from state.users.hidden_and_shown import count_shows, hide
from state.users.record import HEADER, PAUSED
from state.users.record_batch import Shown, UserRecords
from streams.settings import Settings

_PLAY, _SIGNAL, _PAUSE, _RESUME, _SHOWN, _NOTHING = (
    int(action) for action in (Action.PLAY, Action.SIGNAL, Action.PAUSE, Action.RESUME, Action.SHOWN, Action.NOTHING)
)
OUTCOMES = ("learnt", "wished", "redelivered", "retried", "paused", "capped", "trimmed", "ignored")
"""The outcomes of an event, by number. A trimmed event is learnt, up to the largest weight of an item."""
LEARNT, _WISHED, _REDELIVERED, _RETRIED, _PAUSED, _CAPPED, TRIMMED, _IGNORED = range(len(OUTCOMES))
_OF_LISTS = sum(1 << action for action in (Action.HIDE, Action.UNHIDE, Action.SHOWN))
"""Bits of the actions that change hidden and shown items; a signal removes shown ones."""
_STORED = [Action.PLAY, Action.SIGNAL, Action.HIDE, Action.SHOWN, Action.PAUSE]
"""Actions after which something of a user is stored."""
Packed = NDArray[np.uint32]  # a day since 1970 << 16 | its signals
Header = Any  # headers of user records, `HEADER`, shape (n,)
DAY_SIGNALS_MAX = 0xFFFF


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
    outcomes, repeated, fresh_starts, fresh, applied_kinds, ids, days = _admit(
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
    applied, cooldown = outcomes <= _WISHED, (users.cooldown_shows, users.cooldown_plays)
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


@njit
def _pause(flags: int, action: int) -> int:
    """Return the flags of a user after an event."""
    if action == _PAUSE:
        return flags | PAUSED
    return flags & ~PAUSED if action == _RESUME else flags


@njit
def _is_known(ids: Keys, head: int, tail: int, play_id: int) -> bool:
    """Return whether a client's id is among the stored ones."""
    known = False
    for j in range(head, tail):
        known = known or ids[j] == play_id
    return known and play_id != 0


@njit
def _outcome(action: int, flags: int, known: bool) -> int:  # noqa: FBT001  numba takes no keywords
    """Return the outcome of a new event, before the day's limit applies."""
    if action == _NOTHING:
        return _IGNORED
    if action not in (_PLAY, _SIGNAL, _SHOWN):
        return _WISHED
    if flags & PAUSED:
        return _PAUSED
    if action == _SHOWN:
        return _WISHED
    return _RETRIED if known else LEARNT


@njit
def _turn_to_day(days: Packed, head: int, tail: int, header: Header, u: int, today: int) -> int:
    """Make another day the present one, with its signals so far; return the new tail of the other days."""
    signals, left = 0, head
    for j in range(head, tail):
        if days[j] >> 16 == today:
            signals = days[j] & DAY_SIGNALS_MAX
        else:
            days[left] = days[j]
            left += 1
    if header[u]["day_signals"] > 0:
        days[left] = header[u]["day"] << 16 | min(header[u]["day_signals"], DAY_SIGNALS_MAX)
        left += 1
    header[u]["day"], header[u]["day_signals"] = today, signals
    return left


@njit
def _append(values: Any, tail: int, starts: Starts, stored: Any, u: int) -> int:
    """Append the stored values of a user; return the new tail."""
    for i in range(starts[u], starts[u + 1]):
        values[tail] = stored[i]
        tail += 1
    return tail


@njit
def _move(values: Any, head: int, tail: int, to: int) -> int:
    """Move the values from head to tail further left; return where they end."""
    for j in range(head, tail):
        values[to + j - head] = values[j]
    return to + tail - head


@njit
def _continues(i: int, first: int, offsets: Starts, actions: Codes) -> bool:
    """Return whether a row and the one before it are shown items of the same event."""
    return i > first and actions[i] == _SHOWN and actions[i - 1] == _SHOWN and offsets[i] == offsets[i - 1]


@njit
def _counts_in_its_day(
    header: Header, u: int, today: int, days: Packed, day_bounds: Starts, day_max: int, days_max: int
) -> bool:
    """Count a signal in its day; return whether the limit of the day lets it in."""
    if today != header[u]["day"]:
        day_bounds[1] = _turn_to_day(days, day_bounds[0], day_bounds[1], header, u, today)
        day_bounds[0] = max(day_bounds[0], day_bounds[1] - days_max)
    if day_max > 0 and header[u]["day_signals"] >= day_max:
        return False
    header[u]["day_signals"] += np.uint32(1)
    return True


@kernel
def _admit(
    header: Header,
    starts: Starts,
    offsets: Starts,
    at_s: Counts,
    new_ids: Keys,
    actions: Codes,
    stored_id_starts: Starts,
    stored_ids: Keys,
    stored_day_starts: Starts,
    stored_days: Packed,
    ids_max: int,
    day_max: int,
    days_max: int,
) -> tuple[Codes, Flags, Starts, Starts, int, tuple[Starts, Keys], tuple[Starts, Packed]]:
    """Return the outcome of every event, the users with a redelivered one, and the learnt events.

    Behind them are the actions that took effect, a bit for each, the new ids and the other days. The headers are
    updated in place, except for their plays.
    """
    n, n_fresh, applied_kinds = len(starts) - 1, 0, 0
    outcomes, repeated = np.empty(len(offsets), np.uint8), np.zeros(n, np.bool_)
    fresh_starts, fresh = np.zeros(n + 1, np.int64), np.empty(len(offsets), np.int64)
    id_starts, ids = np.zeros(n + 1, np.int64), np.empty(len(stored_ids) + len(new_ids), np.uint64)
    day_starts, days = np.zeros(n + 1, np.int64), np.empty(len(stored_days) + len(new_ids), np.uint32)
    day_bounds = np.empty(2, np.int64)
    for u in range(n):
        head, day_bounds[0] = id_starts[u], day_starts[u]
        tail = _append(ids, head, stored_id_starts, stored_ids, u)
        day_bounds[1] = _append(days, day_bounds[0], stored_day_starts, stored_days, u)
        before = header[u]["applied_offset"]
        for i in range(starts[u], starts[u + 1]):
            repeated[u] |= offsets[i] <= before
            if _continues(i, starts[u], offsets, actions):
                outcomes[i] = outcomes[i - 1]
                continue
            if offsets[i] <= header[u]["applied_offset"]:
                outcomes[i] = _REDELIVERED
                continue
            header[u]["applied_offset"] = offsets[i]
            header[u]["flags"] = _pause(header[u]["flags"], actions[i])
            known = _is_known(ids, head, tail, new_ids[i])
            outcomes[i] = _outcome(actions[i], header[u]["flags"], known)
            if outcomes[i] <= _WISHED:
                applied_kinds |= 1 << actions[i]
            if outcomes[i] != LEARNT:
                continue
            if not _counts_in_its_day(header, u, at_s[i] // DAY_S, days, day_bounds, day_max, days_max):
                outcomes[i] = _CAPPED
                continue
            header[u]["last_played_s"] = max(header[u]["last_played_s"], at_s[i])
            fresh[n_fresh] = i
            n_fresh += 1
            if new_ids[i] != 0:
                ids[tail] = new_ids[i]
                tail += 1
                head = max(head, tail - ids_max)
        fresh_starts[u + 1] = n_fresh
        id_starts[u + 1] = _move(ids, head, tail, id_starts[u])
        day_starts[u + 1] = _move(days, day_bounds[0], day_bounds[1], day_starts[u])
    ids, days = ids[: id_starts[n]], days[: day_starts[n]]
    return outcomes, repeated, fresh_starts, fresh[:n_fresh], applied_kinds, (id_starts, ids), (day_starts, days)
