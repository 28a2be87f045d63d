"""The hidden and the shown items of user records, and their exclusion from lists."""

import numpy as np
from numba import njit

from model.arrays import Codes, Counts, Flags, Floats, Keys, Starts, has_any, lengths_of
from model.kernel import kernel
from model.ragged import RaggedKeys
from state.users.event_columns import Action
from state.users.record_batch import Shown

_HIDE, _UNHIDE, _SHOWN, _PLAY, _SIGNAL = (
    int(action) for action in (Action.HIDE, Action.UNHIDE, Action.SHOWN, Action.PLAY, Action.SIGNAL)
)
Columns = tuple[Starts, Keys, Codes, Floats]  # starts, item keys, actions, weights
Memory = tuple[Keys, Counts, Counts]  # item keys, shows, at play


def hide(hidden: RaggedKeys, events: Columns, applied: Flags, hidden_max: int) -> RaggedKeys:
    """Apply the events that hide and unhide items.

    Args:
        hidden: The hidden items of `n` users.
        events: Their events: starts, item keys, actions, weights.
        applied: True for every event that takes effect, shape (p,).
        hidden_max: Most hidden items of a user; above it the items hidden first are unhidden.
    """
    starts, keys, actions, _ = events
    requested = applied & ((actions == _HIDE) | (actions == _UNHIDE))
    if not has_any(requested):
        return hidden
    return RaggedKeys(*_hide(starts, keys, actions, requested, hidden.starts, hidden.keys, hidden_max))


def count_shows(
    shown: Shown, plays_so_far: Counts, events: Columns, applied: Flags, shown_max: int, cooldown: tuple[int, int]
) -> Shown:
    """Count how often each item was shown.

    A signal of positive weight removes its item's count. The first show after a finished cool-down sets the count to 1.

    Args:
        shown: The shown items of `n` users.
        plays_so_far: Plays of each user before the events, shape (n,).
        events: Their events: starts, item keys, actions, weights.
        applied: True for every event that takes effect, shape (p,).
        shown_max: Most shown items of a user; above it the oldest are dropped.
        cooldown: Number of shows that start a cool-down, and its length in plays.
    """
    starts, keys, actions, weights = events
    if not len(shown.item_keys) and not has_any(applied & (actions == _SHOWN)):
        return shown
    new_starts, columns = _count_shows(
        starts, keys, actions, weights, applied, plays_so_far, shown.starts, shown.columns, shown_max, *cooldown
    )
    return Shown(new_starts, *columns)


def cooling(shown: Shown, plays_now: Counts, cooldown: tuple[int, int]) -> Flags:
    """Return a flag for every shown item in its cool-down: its user's list excludes it."""
    shows, plays = cooldown
    if not shows:
        return np.zeros(len(shown.item_keys), np.bool_)
    ages = plays_now.repeat(lengths_of(shown.starts)).astype(np.int64) - shown.at_play
    is_cooling: Flags = (shown.shows >= shows) & (ages < plays)
    return is_cooling


@kernel
def _hide(
    starts: Starts, keys: Keys, actions: Codes, requested: Flags, old_starts: Starts, old: Keys, hidden_max: int
) -> tuple[Starts, Keys]:
    """Return starts and keys of the items that are hidden after the events."""
    n = len(starts) - 1
    new_starts, new = np.zeros(n + 1, np.int64), np.empty(len(old) + len(keys), np.uint64)
    for u in range(n):
        head = tail = new_starts[u]
        for i in range(old_starts[u], old_starts[u + 1]):
            new[tail] = old[i]
            tail += 1
        head = max(head, tail - hidden_max)
        for i in range(starts[u], starts[u + 1]):
            if not requested[i]:
                continue
            left = head
            for j in range(head, tail):  # an item that is hidden again moves to the end
                if new[j] != keys[i]:
                    new[left] = new[j]
                    left += 1
            tail = left
            if actions[i] == _HIDE:
                new[tail] = keys[i]
                tail += 1
                head = max(head, tail - hidden_max)
        for j in range(head, tail):
            new[new_starts[u] + j - head] = new[j]
        new_starts[u + 1] = new_starts[u] + tail - head
    return new_starts, new[: new_starts[n]]


@njit
def _drop(memory: Memory, head: int, tail: int, key: int) -> tuple[int, int, int]:
    """Remove an item; return the new tail, its shows, and the play count of its last show; 0 and 0 for a new item."""
    keys, shows, at_play = memory
    left, n_shows, at = head, 0, 0
    for j in range(head, tail):
        if keys[j] == key:
            n_shows, at = shows[j], at_play[j]
        else:
            keys[left], shows[left], at_play[left] = keys[j], shows[j], at_play[j]
            left += 1
    return left, n_shows, at


@kernel
def _count_shows(
    starts: Starts,
    keys: Keys,
    actions: Codes,
    weights: Floats,
    applied: Flags,
    plays_so_far: Counts,
    old_starts: Starts,
    old: Memory,
    shown_max: int,
    cool_shows: int,
    cool_plays: int,
) -> tuple[Starts, Memory]:
    """Return starts and columns of the shown items after the events."""
    n, capacity = len(starts) - 1, len(old[0]) + len(keys)
    new_starts = np.zeros(n + 1, np.int64)
    memory = np.empty(capacity, np.uint64), np.empty(capacity, np.uint32), np.empty(capacity, np.uint32)
    for u in range(n):
        head = tail = new_starts[u]
        plays = np.int64(plays_so_far[u])
        for i in range(old_starts[u], old_starts[u + 1]):
            memory[0][tail], memory[1][tail], memory[2][tail] = old[0][i], old[1][i], old[2][i]
            tail += 1
        head = max(head, tail - shown_max)
        for i in range(starts[u], starts[u + 1]):
            if not applied[i]:
                continue
            plays += actions[i] == _PLAY
            if actions[i] == _SHOWN:
                tail, shows, at = _drop(memory, head, tail, keys[i])
                over = shows >= cool_shows and plays - at >= cool_plays
                memory[0][tail], memory[1][tail], memory[2][tail] = keys[i], 1 if over else shows + 1, plays
                tail += 1
                head = max(head, tail - shown_max)
            elif (actions[i] == _PLAY or actions[i] == _SIGNAL) and weights[i] > 0:
                tail, _, _ = _drop(memory, head, tail, keys[i])
        first = new_starts[u] - head
        for j in range(head, tail):
            memory[0][first + j], memory[1][first + j] = memory[0][j], memory[1][j]
            memory[2][first + j] = memory[2][j]
        new_starts[u + 1] = new_starts[u] + tail - head
    end = new_starts[n]
    return new_starts, (memory[0][:end], memory[1][:end], memory[2][:end])
