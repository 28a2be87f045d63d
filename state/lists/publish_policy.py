"""The publication of lists: which changed enough, and which have grown old."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from model.arrays import Codes, Counts, Flags, Floats, Starts, has_any, lengths_of, starts_of
from model.ragged import RaggedKeys, RaggedMarks
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.keys import MARK
from state.lists.build import Lists
from state.lists.context import ListContext
from state.users.record import OWED
from state.users.record_batch import UserRecords
from streams.settings.lists import ListSettings

RENEWED_AT = 0.9
"""An unchanged list is published again after this share of the time until it expires."""
_LEAST = np.float32(1e-6)


class Reason(IntEnum):
    """Reasons to publish a list, the strongest last."""

    RENEWED = 0
    CHANGED = 1
    REPEATED = 2
    GENERATION = 3
    FIRST = 4


REASONS = tuple(reason.name.lower() for reason in Reason)
_CHANGED, *_ = _STRONGER = [int(reason) for reason in list(Reason)[1:]]
"""The reasons beside a renewal, 0, as plain numbers."""


class Publishing(NamedTuple):
    """The decisions on the lists of `n` users, each of shape (n,)."""

    due: Flags
    """The lists that are published now."""
    owed: Flags
    """The changed lists that wait, so that a burst of plays publishes one list."""
    reasons: Codes
    """The reason of every due list, of `Reason`."""
    scores: Floats
    """Mean score of the first items of every list."""


class PublishPolicy:
    """Decides which lists are published.

    A list is published if
    * too few of its first items were among the first ones of the list before, or their mean score changed;
    * the list before holds an item that is unlisted now, or that its user has hidden;
    * it grows old, by the listener's own event time or by the clock;
    * its vector belongs to another generation than before;
    * it has to be republished.

    A list that only changed waits until `debounce_ms` after the one before it, by the clock.
    """

    def __init__(self, settings: ListSettings) -> None:
        """Read from the settings when a list has changed, and when it is old."""
        self._settings = settings

    def decide(
        self, records: UserRecords, lists: Lists, context: ListContext, republish: Flags, blank: Flags
    ) -> Publishing:
        """Decide which lists of a group are published now, and which wait.

        Args:
            records: The users, with the lists published last.
            lists: Their lists.
            context: The context that the lists were built under.
            republish: The lists that are published in any case, shape (n,).
            blank: Users without any known event; they get no list, shape (n,).
        """
        header, settings = records.header, self._settings
        scores = mean_scores(lists.scores[:, : settings.change_n])
        changed = self._changed(records, lists, context, scores)
        age_s = header["last_played_s"].astype(np.int64) - header["listed_at_s"]
        age_ms = context.now_ms - header["listed_at_ms"]
        old = (age_s >= settings.heartbeat_s) | (age_ms >= RENEWED_AT * 1000 * settings.expires_s)
        first = header["listed_at_ms"] == 0
        swept = header["generation_key"] != context.generation.key
        reasons = np.zeros(len(first), np.uint8)
        for applies, reason in zip((changed, republish, swept, first), _STRONGER, strict=True):
            reasons[applies] = reason
        due = (first | swept | republish | changed | old) & ~blank
        owed = due & (reasons == _CHANGED) & (age_ms < settings.debounce_ms)
        return Publishing(due & ~owed, owed, reasons, scores)

    def _changed(self, records: UserRecords, lists: Lists, context: ListContext, scores: Floats) -> Flags:
        """Tell which lists differ enough from the lists before."""
        settings, generation = self._settings, context.generation
        before = records.header["list_score"]
        changed = shared(records.listed, lists, generation, settings.change_n) < settings.overlap_min
        changed |= np.abs(scores - before) > settings.score_change * np.maximum(np.abs(before), _LEAST)
        changed |= holding(records.listed, lists.unlisted, generation)
        changed |= holding_hidden(records.listed, records.hidden)
        return changed


def mean_scores(scores: Floats) -> Floats:
    """Return the mean of every row, its padding left out; 0 for an empty one."""
    listed = np.isfinite(scores)
    sums = np.where(listed, scores, 0).sum(axis=1, dtype=np.float32)
    means: Floats = sums / np.maximum(listed.sum(axis=1), 1).astype(np.float32)
    return means


def shared(listed: RaggedMarks, lists: Lists, generation: Generation, k: int) -> Floats:
    """Return the share of the first `k` items of every list that were among the first `k` of the list before."""
    before = padded(listed, k)
    rows = lists.rows[:, :k]
    now = np.where(rows >= 0, generation.marks[rows], 0).astype(np.uint32)
    both = np.sort(np.concatenate((before, now), axis=1), axis=1)
    twice = ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] > 0)).sum(axis=1)
    share: Floats = twice / np.maximum((rows >= 0).sum(axis=1), 1)
    return share


def holding_hidden(listed: RaggedMarks, hidden: RaggedKeys) -> Flags:
    """Tell which of the lists before hold an item that their user has hidden since.

    >>> lists = np.array([0, 2, 4]), np.array([7, 8, 7, 9], np.uint32)
    >>> holding_hidden(RaggedMarks(*lists), RaggedKeys(np.array([0, 0, 1]), np.array([7], np.uint64))).tolist()
    [False, True]
    """
    n = len(listed.starts) - 1
    if not len(hidden.keys):
        return np.zeros(n, np.bool_)
    owners = listed.users
    hidden_marks = hidden.users << 32 | (hidden.keys & np.uint64(MARK)).astype(np.int64)
    is_hidden = np.isin(owners << 32 | listed.marks.astype(np.int64), hidden_marks)
    holds: Flags = np.bincount(owners[is_hidden], minlength=n) > 0
    return holds


def holding(listed: RaggedMarks, unlisted: Unlisted, generation: Generation) -> Flags:
    """Tell which of the lists before hold an unlisted item."""
    if not len(unlisted.rows):
        return np.zeros(len(listed.starts) - 1, np.bool_)
    sums = starts_of(unlisted.among(listed.marks, generation))
    holds: Flags = lengths_of(sums[listed.starts]) > 0
    return holds


def padded(listed: RaggedMarks, k: int) -> Counts:
    """Return the first `k` marks of every list, 0 where it has fewer.

    >>> padded(RaggedMarks(np.array([0, 3, 3]), np.array([7, 8, 9], np.uint32)), 2).tolist()
    [[7, 8], [0, 0]]
    """
    lengths = np.minimum(listed.lengths, k)
    marks, places = np.zeros((len(lengths), k), np.uint32), np.arange(k)
    entries: Starts = listed.starts[:-1, None] + places
    exists = places < lengths[:, None]
    marks[exists] = listed.marks[entries[exists]]
    return marks


def record_published(records: UserRecords, lists: Lists, context: ListContext, publishing: Publishing) -> None:
    """Write into the records which lists are published, which wait, and which generation the vectors belong to."""
    header, due, generation = records.header, publishing.due, context.generation
    header["generation_key"] = generation.key
    header["listed_at_s"][due] = header["last_played_s"][due]
    header["listed_at_ms"][due] = context.now_ms
    header["list_score"][due] = publishing.scores[due]
    header["flags"] = np.where(publishing.owed, header["flags"] | OWED, header["flags"] & ~np.uint8(OWED))
    records.listed = listed_marks(records.listed, lists, due, generation)


def make_markers(records: UserRecords, blank: Flags, now_ms: int) -> None:
    """Make markers of blank records: they lose list and generation, and keep the time at which they became blank."""
    header = records.header
    if has_any(blank):
        records.listed = records.listed.without(blank)
        unmarked = blank & (header["listed_at_s"] == 0)
        header["listed_at_s"][unmarked] = now_ms // 1000
        for name in ("generation_key", "listed_at_ms", "list_score", "flags"):
            header[name][blank] = 0


def listed_marks(listed: RaggedMarks, lists: Lists, due: Flags, generation: Generation) -> RaggedMarks:
    """Return the marks of every user's latest list, once the due lists are published."""
    width = max(lists.rows.shape[1], int(listed.lengths.max(initial=0)))
    marks, places = padded(listed, width), np.arange(width)
    lengths = np.where(due, (lists.rows >= 0).sum(axis=1), listed.lengths)
    marks[due, : lists.rows.shape[1]] = generation.marks[lists.rows[due]]
    return RaggedMarks(starts_of(lengths), marks[places < lengths[:, None]])
