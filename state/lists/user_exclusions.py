"""What listeners are not to be shown, whether they know it or not: what they have hidden, or were shown too often."""

from typing import NamedTuple

import numpy as np

from model.arrays import Flags
from state.generations.generation import Generation
from state.users.hidden_and_shown import cooling
from state.users.record_batch import Ragged, UserRecords
from streams.settings import Settings


class Unwanted(NamedTuple):
    """Keys of items that are in none of `n` users' lists."""

    hidden: Ragged
    cooled: Ragged
    """What was shown too often lately."""


def unwanted(records: UserRecords, settings: Settings) -> Unwanted:
    """Return what users have hidden, and what was shown to them too often."""
    shown = records.shown
    out = cooling(shown, records.header["plays"], (settings.users.cooldown_shows, settings.users.cooldown_plays))
    return Unwanted(records.hidden, chosen(Ragged(shown.starts, shown.item_keys), out))


def rows_under(generation: Generation, some: Ragged) -> Ragged:
    """Return the rows of items under a generation, -1 where it does not know the item, in place of their keys."""
    return Ragged(some.starts, generation.rows_of(some.values))


def chosen(some: Ragged, which: Flags) -> Ragged:
    """Return those values that are chosen.

    >>> starts, values = chosen(Ragged(np.array([0, 2, 3]), np.array([7, 8, 9])), np.array([True, False, True]))
    >>> starts.tolist(), values.tolist()
    ([0, 1, 2], [7, 9])
    """
    if which.all():
        return some
    return Ragged(np.concatenate(([0], np.cumsum(which)))[some.starts], some.values[which])


def joined(some: Ragged, others: Ragged) -> Ragged:
    """Return the values of both, for each user.

    >>> found = joined(Ragged(np.array([0, 1, 2]), np.array([5, 6])), Ragged(np.array([0, 0, 1]), np.array([7])))
    >>> found.starts.tolist(), found.values.tolist()
    ([0, 1, 3], [5, 6, 7])
    """
    if not len(others.values):
        return some
    owners = [np.repeat(np.arange(len(starts) - 1), np.diff(starts)) for starts, _ in (some, others)]
    order = np.argsort(np.concatenate(owners), kind="stable")
    return Ragged(some.starts + others.starts, np.concatenate((some.values, others.values))[order])
