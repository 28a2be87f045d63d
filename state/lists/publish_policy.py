"""The publication of lists: which changed enough, and which have grown old."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from model.arrays import Codes, Flags, Floats, as_own_array, has_any, lengths_of, starts_of
from model.ragged import RaggedKeys, RaggedMarks
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.keys import MARK
from state.lists.build import Lists
from state.lists.context import ListContext
from state.lists.list_changes import CHANGED, FIRST, GENERATION, RENEWED, REPEATED, compare, record
from state.users.record_batch import UserRecords
from streams.settings.lists import ListSettings

RENEWED_AT = 0.9
"""An unchanged list is published again after this share of the time until it expires."""


class Reason(IntEnum):
    """Reasons to publish a list, the strongest last."""

    RENEWED = RENEWED
    CHANGED = CHANGED
    REPEATED = REPEATED
    GENERATION = GENERATION
    FIRST = FIRST


REASONS = tuple(reason.name.lower() for reason in Reason)


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
    * it has to be republished;
    * an event asks for it.

    A list that only changed waits until `debounce_ms` after the one before it, by the clock, unless an event asks for
    it.
    """

    def __init__(self, settings: ListSettings) -> None:
        """Read from the settings when a list has changed, and when it is old."""
        self._settings = settings

    def decide(
        self,
        records: UserRecords,
        lists: Lists,
        context: ListContext,
        republish: Flags,
        blank: Flags,
        requested: Flags,
    ) -> Publishing:
        """Decide which lists of a group are published now, and which wait.

        Args:
            records: The users, with the lists published last.
            lists: Their lists.
            context: The context that the lists were built under.
            republish: The lists that are published in any case, shape (n,).
            blank: Users without any known event; they get no list, shape (n,).
            requested: The lists that an event asks for, shape (n,).
        """
        settings, generation = self._settings, context.generation
        holds = holding(records.listed, lists.unlisted, generation) | holding_hidden(records.listed, records.hidden)
        return Publishing(
            *compare(
                records.header,
                as_own_array(lists.rows, np.int32),
                as_own_array(lists.scores, np.float32),
                as_own_array(records.listed.starts, np.int64),
                as_own_array(records.listed.marks, np.uint32),
                generation.marks,
                as_own_array(republish, np.bool_),
                as_own_array(blank, np.bool_),
                as_own_array(requested, np.bool_),
                holds,
                settings.change_n,
                settings.overlap_min,
                np.float32(settings.score_change),
                settings.heartbeat_s,
                RENEWED_AT * 1000 * settings.expires_s,
                settings.debounce_ms,
                context.now_ms,
                np.uint64(generation.key),
            )
        )


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


def record_published(records: UserRecords, lists: Lists, context: ListContext, publishing: Publishing) -> None:
    """Write into the records which lists are published, which wait, and which generation the vectors belong to."""
    generation = context.generation
    latest = record(
        records.header,
        as_own_array(lists.rows, np.int32),
        as_own_array(records.listed.starts, np.int64),
        as_own_array(records.listed.marks, np.uint32),
        generation.marks,
        publishing.due,
        publishing.owed,
        publishing.scores,
        context.now_ms,
        np.uint64(generation.key),
    )
    records.listed = RaggedMarks(*latest)


def make_markers(records: UserRecords, blank: Flags, now_ms: int) -> None:
    """Make markers of blank records: they lose list and generation, and keep the time at which they became blank."""
    header = records.header
    if has_any(blank):
        records.listed = records.listed.without(blank)
        unmarked = blank & (header["listed_at_s"] == 0)
        header["listed_at_s"][unmarked] = now_ms // 1000
        for name in ("generation_key", "listed_at_ms", "list_score", "flags"):
            header[name][blank] = 0
