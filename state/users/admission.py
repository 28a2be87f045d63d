"""The admission of events to their users' records: which are learnt, and why others are not."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Flags, Keys, Starts
from model.kernel import kernel
from model.objective import DAY_S
from state.users.event_columns import Action
from state.users.record import PAUSED

_PLAY, _SIGNAL, _PAUSE, _RESUME, _SHOWN, _NOTHING = (
    int(action) for action in (Action.PLAY, Action.SIGNAL, Action.PAUSE, Action.RESUME, Action.SHOWN, Action.NOTHING)
)
OUTCOMES = ("learnt", "wished", "redelivered", "retried", "paused", "capped", "trimmed", "ignored")
"""The outcomes of an event, by number. A trimmed event is learnt, up to the largest weight of an item."""
LEARNT, WISHED, _REDELIVERED, _RETRIED, _PAUSED, _CAPPED, TRIMMED, _IGNORED = range(len(OUTCOMES))
Packed = NDArray[np.uint32]  # a day since 1970 << 16 | its signals
Header = Any  # headers of user records, `HEADER`, shape (n,)
DAY_SIGNALS_MAX = 0xFFFF


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
def _outcome(header: Header, u: int, offset: int, action: int, known: bool) -> int:  # noqa: FBT001  numba takes no keywords
    """Move the applied offset, and pause or resume; return the outcome before the limit of the day applies."""
    if offset <= header[u]["applied_offset"]:
        return _REDELIVERED
    header[u]["applied_offset"] = offset
    header[u]["flags"] = _pause(header[u]["flags"], action)
    if action == _NOTHING:
        return _IGNORED
    if action not in (_PLAY, _SIGNAL, _SHOWN):
        return WISHED
    if header[u]["flags"] & PAUSED:
        return _PAUSED
    if action == _SHOWN:
        return WISHED
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
def admit(
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
            known = _is_known(ids, head, tail, new_ids[i])
            outcomes[i] = _outcome(header, u, offsets[i], actions[i], known)
            if outcomes[i] <= WISHED:
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
