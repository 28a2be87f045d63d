"""A group's lists against the lists before, in one pass: the decision to publish each, and the marks of it."""

from typing import Any

import numpy as np
from numba import njit

from model.arrays import Codes, Counts, Flags, Floats, Rows, Starts
from model.kernel import kernel
from state.users.record import OWED

Header = Any  # headers of user records, `HEADER`, shape (n,)
RENEWED, CHANGED, REPEATED, GENERATION, FIRST = range(5)
"""The reasons to publish a list, the strongest last."""
_LEAST = np.float32(1e-6)


@njit
def mean_score(scores: Floats, k: int) -> np.float32:
    """Return the mean of the first k scores, the padding left out; 0 of an empty list."""
    sum_, n = np.float32(0), 0
    for i in range(min(k, len(scores))):
        if np.isfinite(scores[i]):
            sum_ += scores[i]
            n += 1
    return sum_ / np.float32(max(n, 1))


@njit
def shared(rows: Rows, before: Counts, marks: Counts, k: int) -> float:
    """Return the share of the first k items of a list that were among the first k of the list before."""
    n, both = 0, 0
    for i in range(min(k, len(rows))):
        if rows[i] < 0:
            break
        mark, is_shared = marks[rows[i]], False
        for j in range(min(k, len(before))):
            is_shared |= before[j] == mark
        both += is_shared
        n += 1
    return both / max(n, 1)


@kernel
def compare(
    header: Header,
    rows: Rows,
    scores: Floats,
    listed_starts: Starts,
    listed: Counts,
    marks: Counts,
    republish: Flags,
    blank: Flags,
    requested: Flags,
    holds: Flags,
    k: int,
    overlap_min: float,
    score_change: np.float32,
    heartbeat_s: int,
    renewed_after_ms: float,
    debounce_ms: int,
    now_ms: int,
    generation_key: np.uint64,
) -> tuple[Flags, Flags, Codes, Floats]:
    """Return which lists are due, which wait, the reason of each, and the mean score of its first k items.

    The rows and scores are those of the lists, shape (n, list_n); `marks` are those of all items. `holds` is True for
    a user whose list before has an item that it must not have any more.
    """
    n = len(rows)
    due, owed = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    reasons, means = np.zeros(n, np.uint8), np.empty(n, np.float32)
    for u in range(n):
        means[u] = mean_score(scores[u], k)
        before = header[u]["list_score"]
        changed = holds[u] or shared(rows[u], listed[listed_starts[u] : listed_starts[u + 1]], marks, k) < overlap_min
        changed |= abs(means[u] - before) > score_change * max(abs(before), _LEAST)
        age_s = np.int64(header[u]["last_played_s"]) - np.int64(header[u]["listed_at_s"])
        age_ms = now_ms - header[u]["listed_at_ms"]
        due[u] = changed or requested[u] or age_s >= heartbeat_s or age_ms >= renewed_after_ms
        if changed:
            reasons[u] = CHANGED
        if republish[u]:
            due[u], reasons[u] = True, REPEATED
        if header[u]["generation_key"] != generation_key:
            due[u], reasons[u] = True, GENERATION
        if header[u]["listed_at_ms"] == 0:
            due[u], reasons[u] = True, FIRST
        due[u] &= not blank[u]
        owed[u] = due[u] and reasons[u] == CHANGED and age_ms < debounce_ms and not requested[u]
        due[u] &= not owed[u]
    return due, owed, reasons, means


@kernel
def record(
    header: Header,
    rows: Rows,
    listed_starts: Starts,
    listed: Counts,
    marks: Counts,
    due: Flags,
    owed: Flags,
    means: Floats,
    now_ms: int,
    generation_key: np.uint64,
) -> tuple[Starts, Counts]:
    """Write the decisions of `compare` into the headers; return the marks of every user's latest list."""
    n = len(rows)
    starts = np.zeros(n + 1, np.int64)
    latest = np.empty(len(listed) + rows.size, np.uint32)
    for u in range(n):
        at = starts[u]
        header[u]["generation_key"] = generation_key
        header[u]["flags"] = header[u]["flags"] & ~OWED | (OWED if owed[u] else 0)
        if due[u]:
            header[u]["listed_at_s"], header[u]["listed_at_ms"] = header[u]["last_played_s"], now_ms
            header[u]["list_score"] = means[u]
            for i in range(rows.shape[1]):
                if rows[u, i] < 0:
                    break
                latest[at] = marks[rows[u, i]]
                at += 1
        else:
            for i in range(listed_starts[u], listed_starts[u + 1]):
                latest[at] = listed[i]
                at += 1
        starts[u + 1] = at
    return starts, latest[: starts[n]]
