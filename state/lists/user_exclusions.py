"""The items that a listener's lists leave out: hidden ones, skipped ones, and those that were shown too often."""

from typing import NamedTuple

from model.only_against import only_against
from model.ragged import RaggedKeys, RaggedRows
from state.generations.generation import Generation
from state.users.hidden_and_shown import cooling
from state.users.record_batch import UserRecords
from streams.settings.users import UserSettings


class Unwanted(NamedTuple):
    """Keys of items that are in none of `n` users' lists."""

    hidden: RaggedKeys
    cooled: RaggedKeys
    """Items that were shown too often lately."""


def unwanted(records: UserRecords, users: UserSettings) -> Unwanted:
    """Return the items that users have hidden, and those that were shown to them too often."""
    shown = records.shown
    out = cooling(shown, records.header["plays"], (users.cooldown_shows, users.cooldown_plays))
    return Unwanted(records.hidden, RaggedKeys(shown.starts, shown.item_keys).select(out))


def only_skipped(records: UserRecords) -> RaggedKeys:
    """Return the items that users have only spoken against, by skips for example; they are in none of their lists."""
    histories = records.histories
    out = only_against(histories.starts, histories.item_keys, histories.values)
    return RaggedKeys(histories.starts, histories.item_keys).select(out)


def rows_under(generation: Generation, items: RaggedKeys) -> RaggedRows:
    """Return the rows of items under a generation, -1 where it does not know the item."""
    return RaggedRows(items.starts, generation.rows_of(items.keys))
