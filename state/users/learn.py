"""Apply events to their users' records, exactly once."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Flags, Keys, Starts, lengths_of, starts_of
from model.decay import HalfLives
from model.history import Histories, Plays, add_plays
from model.item_weights import item_weights
from model.objective import DAY_S
from model.ragged import RaggedKeys
from state.users.event_columns import Action, EventColumns
from state.users.hidden_and_shown import count_shows, hide
from state.users.record import PAUSED
from state.users.record_batch import UserRecords, new_users, pack
from streams.settings import Settings

_PLAY, _SIGNAL, _PAUSE, _RESUME, _SHOWN = (
    int(action) for action in (Action.PLAY, Action.SIGNAL, Action.PAUSE, Action.RESUME, Action.SHOWN)
)
OUTCOMES = ("learnt", "wished", "redelivered", "retried", "paused", "capped", "trimmed")
"""The outcomes of an event, by number. A trimmed event is learnt, up to the largest weight of an item."""
LEARNT, _WISHED, _REDELIVERED, _RETRIED, _PAUSED, _CAPPED, _TRIMMED = range(len(OUTCOMES))


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
    A retry, a signal of a paused user and a signal over the day's limit are not learnt: they move the applied offset
    and change nothing else.

    Args:
        records: The users.
        events: Their events.
        settings: The limits of a record.
        half_lives: The half-lives of the generation in service. They affect `trimmed` outcomes only, and no record.
    """
    header = records.header.copy()
    repeated = _repeated(events, header["applied_offset"])
    state = _columns_of(header)
    limits = settings.users.play_ids_max, settings.signals.per_day_max
    new = events.starts, events.offsets, events.at_s, events.play_ids, events.actions
    stored_ids = records.play_ids.starts, records.play_ids.keys
    outcomes, *ids = _admit(*new, *state.values(), *stored_ids, *limits)
    applied = outcomes <= _WISHED
    columns = events.starts, events.item_keys, events.actions, events.weights
    cooldown = settings.users.cooldown_shows, settings.users.cooldown_plays
    shown = count_shows(records.shown, header["plays"], columns, applied, settings.users.shown_max, cooldown)
    for name, column in state.items():
        header[name] = column
    fresh = outcomes == LEARNT
    fresh_starts = starts_of(fresh)[events.starts]
    learnt = (column[fresh] for column in (events.item_keys, events.weights, events.at_s, events.actions == _PLAY))
    histories, header["plays"] = add_plays(
        records.histories,
        header["plays"].copy(),
        Plays(fresh_starts, *learnt),
        settings.users.history_max,
    )
    changed = lengths_of(fresh_starts) > 0
    if fresh.any():
        latest = np.maximum.reduceat(events.at_s[fresh], fresh_starts[:-1][changed])
        header["last_played_s"][changed] = np.maximum(header["last_played_s"][changed], latest)
    _mark_trimmed(outcomes, events, histories, half_lives, settings.signals.item_weight_max)
    hidden = hide(records.hidden, columns, applied, settings.users.hidden_max)
    after = UserRecords(header, histories, RaggedKeys(*ids), hidden, shown, records.listed, records.vectors)
    return Learnt(after, repeated, outcomes)


def _repeated(events: EventColumns, applied: NDArray[np.int64]) -> Flags:
    """Return a flag for every user with an event that the record contains already."""
    n_events = lengths_of(events.starts)
    at_or_below = np.append(events.offsets <= np.repeat(applied, n_events), False)
    repeated: Flags = (np.add.reduceat(at_or_below, events.starts[:-1]) > 0) & (n_events > 0)
    return repeated


def _mark_trimmed(
    outcomes: Codes, events: EventColumns, histories: Histories, half_lives: HalfLives, weight_max: float
) -> None:
    """Mark the signals of items whose weight is at its limit as trimmed."""
    longest = int(lengths_of(histories.starts).max(initial=0))
    if longest * float(np.abs(histories.values).max(initial=0)) < weight_max:
        return
    items = item_weights(histories, half_lives, weight_max)
    full = np.flatnonzero(np.abs(items.weights) >= weight_max)
    if len(full):
        owners = np.searchsorted(items.starts, full, side="right") - 1
        pairs = {*zip(owners.tolist(), items.item_keys[full].tolist(), strict=True)}
        users = np.repeat(np.arange(len(events.starts) - 1), lengths_of(events.starts))
        signals = zip(users.tolist(), events.item_keys.tolist(), strict=True)
        trimmed = np.array([pair in pairs for pair in signals], np.bool_)
        outcomes[trimmed & (outcomes == LEARNT)] = _TRIMMED


def _columns_of(header: NDArray[np.void]) -> dict[str, NDArray[Any]]:
    """Return contiguous copies of the header's fields that the kernel updates."""
    return {name: header[name].copy() for name in ("applied_offset", "flags", "day", "day_signals")}


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
    if action not in (_PLAY, _SIGNAL, _SHOWN):
        return _WISHED
    if flags & PAUSED:
        return _PAUSED
    if action == _SHOWN:
        return _WISHED
    return _RETRIED if known else LEARNT


@njit
def _is_over(day: Counts, day_signals: Counts, u: int, at_s: int, day_max: int) -> bool:
    """Count a signal on its day; return whether the day's limit is reached already."""
    today = at_s // DAY_S
    if today > day[u]:
        day[u], day_signals[u] = today, 0
    if day_max > 0 and day_signals[u] >= day_max:
        return True
    day_signals[u] += 1
    return False


@njit
def _continues(i: int, first: int, offsets: Starts, actions: Codes) -> bool:
    """Return whether a row and the one before it are shown items of the same event."""
    return i > first and actions[i] == _SHOWN and actions[i - 1] == _SHOWN and offsets[i] == offsets[i - 1]


@njit(nogil=True, cache=True)
def _admit(
    starts: Starts,
    offsets: Starts,
    at_s: Counts,
    new_ids: Keys,
    actions: Codes,
    applied: Starts,
    flags: Codes,
    day: Counts,
    day_signals: Counts,
    old_starts: Starts,
    old_ids: Keys,
    ids_max: int,
    day_max: int,
) -> tuple[Codes, Starts, Keys]:
    """Return the outcome of every event and the new stored ids; update the header's columns in place."""
    n = len(starts) - 1
    outcomes = np.empty(len(offsets), np.uint8)
    id_starts, ids = np.zeros(n + 1, np.int64), np.empty(len(old_ids) + len(new_ids), np.uint64)
    for u in range(n):
        head = tail = id_starts[u]
        for i in range(old_starts[u], old_starts[u + 1]):
            ids[tail] = old_ids[i]
            tail += 1
        for i in range(starts[u], starts[u + 1]):
            if _continues(i, starts[u], offsets, actions):
                outcomes[i] = outcomes[i - 1]
                continue
            if offsets[i] <= applied[u]:
                outcomes[i] = _REDELIVERED
                continue
            applied[u], flags[u] = offsets[i], _pause(flags[u], actions[i])
            known = _is_known(ids, head, tail, new_ids[i])
            outcomes[i] = _outcome(actions[i], flags[u], known)
            if outcomes[i] == LEARNT and _is_over(day, day_signals, u, at_s[i], day_max):
                outcomes[i] = _CAPPED
            if outcomes[i] == LEARNT and new_ids[i] != 0:
                ids[tail] = new_ids[i]
                tail += 1
                head = max(head, tail - ids_max)
        for j in range(head, tail):
            ids[id_starts[u] + j - head] = ids[j]
        id_starts[u + 1] = id_starts[u] + tail - head
    return outcomes, id_starts, ids[: id_starts[n]]


def warm_up() -> None:
    """Load the kernels of `learn`, and those of records, from numba's cache, or compile them."""
    one, seconds, place = np.ones(1, np.uint64), np.ones(1, np.uint32), np.zeros(1, np.int64)
    for action in (Action.PLAY, Action.HIDE, Action.SHOWN):
        worth, actions = np.ones(1, np.float32), np.full(1, action, np.uint8)
        events = EventColumns(np.array([0, 1], np.int64), place, one, worth, seconds, one, actions)
        pack(learn(new_users(1, 2), events, Settings(), half_lives_of(Settings())).records)
