"""The items that a listener's lists leave out: hidden ones, skipped ones, and those that were shown too often."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from model.arrays import Rows, Starts, has_any
from model.item_weights import ItemWeights
from model.only_against import only_against
from model.ragged import RaggedKeys, RaggedRows
from model.repeat_rule import known_excluded
from state.generations.generation import Generation
from state.lists.exclusion_counts import Reason
from state.users.hidden_and_shown import cooling
from state.users.record_batch import UserRecords
from streams.settings import Settings
from streams.settings.users import UserSettings


class Unwanted(NamedTuple):
    """Keys of items that are in none of `n` users' lists."""

    hidden: RaggedKeys
    cooled: RaggedKeys
    """Items that were shown too often lately."""


class Excluded(NamedTuple):
    """Item rows that `n` users' lists leave out, -1 where the generation does not know the item."""

    known: RaggedRows
    """Items of the history that are not listed again."""
    not_wanted: RaggedRows
    """Items that even the popular list leaves out: hidden ones, those that were shown too often, and skipped ones."""
    n_of: Mapping[Reason, int]
    """Their number, by reason."""

    @property
    def every(self) -> RaggedRows:
        """Return both."""
        return self.known.join(self.not_wanted)


def unwanted(records: UserRecords, users: UserSettings) -> Unwanted:
    """Return the items that users have hidden, and those that were shown to them too often."""
    shown = records.shown
    keys = RaggedKeys(shown.starts, shown.item_keys)
    if not len(shown.item_keys):
        return Unwanted(records.hidden, keys)
    out = cooling(shown, records.header["plays"], (users.cooldown_shows, users.cooldown_plays))
    return Unwanted(records.hidden, keys.select(out))


def only_skipped(records: UserRecords) -> RaggedKeys:
    """Return the items that users have only spoken against, by skips for example; they are in none of their lists."""
    histories = records.histories
    out = only_against(histories.starts, histories.item_keys, histories.values)
    return RaggedKeys(histories.starts, histories.item_keys).select(out)


def excluded(
    records: UserRecords,
    items: ItemWeights,
    terms: RaggedRows,
    ages_in_plays: Starts,
    generation: Generation,
    settings: Settings,
) -> Excluded:
    """Return the rows that users' lists leave out under a generation, except for unlisted items.

    Args:
        records: The users.
        items: The items of their histories.
        terms: The rows of these.
        ages_in_plays: The age of each.
        generation: The generation.
        settings: The rules of exclusion.
    """
    hidden, cooled = (rows_under(generation, items) for items in unwanted(records, settings.users))
    is_skipped = only_against(items.starts, items.item_keys, items.weights)
    rows = terms.rows
    if settings.lists.known_items == "include" or settings.lists.repeat_after_plays:
        out = known_excluded(ages_in_plays, settings.lists.known_items, settings.lists.repeat_after_plays) | is_skipped
        rows = np.where(out, rows, np.int32(-1))
    n_of: dict[Reason, int] = {"known": count_known(rows), "hidden": count_known(hidden.rows)}
    n_of["cooldown"] = count_known(cooled.rows)
    not_wanted = hidden.join(cooled)
    if has_any(is_skipped):
        not_wanted = not_wanted.join(RaggedRows(terms.starts, terms.rows).select(is_skipped))
    return Excluded(RaggedRows(terms.starts, rows), not_wanted, n_of)


def count_known(rows: Rows) -> int:
    """Return how many rows are of items that the generation knows.

    >>> count_known(np.array([4, -1, 0], np.int32))
    2
    """
    return int(np.count_nonzero(rows >= 0)) if len(rows) else 0


def rows_under(generation: Generation, items: RaggedKeys) -> RaggedRows:
    """Return the rows of items under a generation, -1 where it does not know the item."""
    return RaggedRows(items.starts, generation.rows_of(items.keys))
