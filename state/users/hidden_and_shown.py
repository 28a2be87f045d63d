"""What a user's records keep of hidden and of shown items, and which of these are left out of lists."""

import numpy as np
from numba import njit

from model.arrays import Codes, Counts, Flags, Floats, Keys, Starts
from model.ragged import RaggedKeys
from state.users.event_columns import Action
from state.users.record_batch import Shown

_HIDE, _UNHIDE, _SHOWN, _PLAY, _SIGNAL = (
    int(action) for action in (Action.HIDE, Action.UNHIDE, Action.SHOWN, Action.PLAY, Action.SIGNAL)
)
Columns = tuple[Starts, Keys, Codes, Floats]  # starts, item keys, actions, weights
Memory = tuple[Keys, Counts, Counts]  # item keys, shows, at play


def hide(hidden: RaggedKeys, events: Columns, taken: Flags, hidden_max: int) -> RaggedKeys:
    """Hide items, and show them again.

    Args:
        hidden: What `n` users have hidden.
        events: Their events: where each user's begin, item keys, actions, weights.
        taken: Which events take effect.
        hidden_max: Most hidden items of a user; over it the first hidden come back.
    """
    starts, keys, actions, _ = events
    wished = taken & ((actions == _HIDE) | (actions == _UNHIDE))
    if not wished.any():
        return hidden
    return RaggedKeys(*_hide(starts, keys, actions, wished, hidden.starts, hidden.keys, hidden_max))


def remember_shown(
    shown: Shown, plays_so_far: Counts, events: Columns, taken: Flags, shown_max: int, cooldown: tuple[int, int]
) -> Shown:
    """Count how often items were shown; a signal for an item ends that, and so does a cool-down that is over.

    Args:
        shown: What is remembered of `n` users.
        plays_so_far: Plays that each had made before, shape (n,).
        events: Their events: where each user's begin, item keys, actions, weights.
        taken: Which events take effect.
        shown_max: Most items that are remembered of a user, the latest.
        cooldown: Shows that leave an item out, and the plays for which they do.
    """
    starts, keys, actions, weights = events
    if not (taken & (actions == _SHOWN)).any() and not len(shown.item_keys):
        return shown
    found = _remember(
        starts, keys, actions, weights, taken, plays_so_far, shown.starts, shown.columns, shown_max, *cooldown
    )
    return Shown(found[0], *found[1])


def cooling(shown: Shown, plays_now: Counts, cooldown: tuple[int, int]) -> Flags:
    """Tell which of the shown items are left out of their user's list for now."""
    shows, plays = cooldown
    if not shows:
        return np.zeros(len(shown.item_keys), np.bool_)
    ages = np.repeat(plays_now, np.diff(shown.starts)).astype(np.int64) - shown.at_play
    out: Flags = (shown.shows >= shows) & (ages < plays)
    return out


@njit(nogil=True, cache=True)
def _hide(
    starts: Starts, keys: Keys, actions: Codes, wished: Flags, old_starts: Starts, old: Keys, hidden_max: int
) -> tuple[Starts, Keys]:
    """Return starts and keys of what is hidden after the events."""
    n = len(starts) - 1
    new_starts, new = np.zeros(n + 1, np.int64), np.empty(len(old) + len(keys), np.uint64)
    for u in range(n):
        head = tail = new_starts[u]
        for i in range(old_starts[u], old_starts[u + 1]):
            new[tail] = old[i]
            tail += 1
        head = max(head, tail - hidden_max)
        for i in range(starts[u], starts[u + 1]):
            if not wished[i]:
                continue
            left = head
            for j in range(head, tail):  # what is hidden again moves to the end
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
    """Remove an item; return the new tail, its shows and when it was shown last, 0 if it was not there."""
    keys, shows, at_play = memory
    left, found, at = head, 0, 0
    for j in range(head, tail):
        if keys[j] == key:
            found, at = shows[j], at_play[j]
        else:
            keys[left], shows[left], at_play[left] = keys[j], shows[j], at_play[j]
            left += 1
    return left, found, at


@njit(nogil=True, cache=True)
def _remember(
    starts: Starts,
    keys: Keys,
    actions: Codes,
    weights: Floats,
    taken: Flags,
    plays_so_far: Counts,
    old_starts: Starts,
    old: Memory,
    shown_max: int,
    cool_shows: int,
    cool_plays: int,
) -> tuple[Starts, Memory]:
    """Return starts and columns of what is remembered after the events."""
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
            if not taken[i]:
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
