"""Compressed rows: entries of many users, one user after the other, in columns of equal length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Flags, Floats, Keys, Rows, Starts, lengths_of, starts_of


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Entries of n users; a subclass names their columns, in order.

    Attributes:
        starts: (n + 1,): the entries of user u are starts[u]:starts[u + 1].
    """

    starts: Starts

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return the columns, each of shape (entries,)."""
        names: tuple[str, ...] = self.__match_args__  # "starts" and the names of the columns
        return tuple(getattr(self, name) for name in names[1:])

    @property
    def n_users(self) -> int:
        """Return the number of users."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Starts:
        """Return the number of entries of every user, shape (n,)."""
        lengths: Starts = lengths_of(self.starts)
        return lengths

    @property
    def users(self) -> Starts:
        """Return the user of every entry, shape (entries,)."""
        users: Starts = np.arange(self.n_users).repeat(self.lengths)
        return users

    def part(self, users: Starts) -> Self:
        """Return the entries of some users, in the order given.

        >>> part = RaggedRows(np.array([0, 1, 2, 4]), np.array([5, 6, 7, 8], np.int32)).part(np.array([0, 2]))
        >>> part.starts.tolist(), part.rows.tolist()
        ([0, 1, 3], [5, 7, 8])
        """
        lengths = self.lengths[users]
        starts = starts_of(lengths)
        entries = (self.starts[users] - starts[:-1]).repeat(lengths) + np.arange(starts[-1])
        return self._with(starts, *(column[entries] for column in self.columns))

    def select(self, mask: Flags) -> Self:
        """Return the entries where `mask` is True, of the same users.

        >>> selected = RaggedRows(np.array([0, 2, 3]), np.array([7, 8, 9], np.int32)).select(np.array([1, 0, 1]) > 0)
        >>> selected.starts.tolist(), selected.rows.tolist()
        ([0, 1, 2], [7, 9])
        """
        n_selected = np.count_nonzero(mask)
        if n_selected == len(mask):
            return self
        if not n_selected:
            return self._with(np.zeros_like(self.starts), *(column[:0] for column in self.columns))
        starts = starts_of(mask)[self.starts]
        return self._with(starts, *(column[mask] for column in self.columns))

    def without(self, users: Flags) -> Self:
        """Return the entries without those of the users where `users` is True.

        >>> left = RaggedRows(np.array([0, 1, 3]), np.array([7, 8, 9], np.int32)).without(np.array([True, False]))
        >>> left.starts.tolist(), left.rows.tolist()
        ([0, 0, 2], [8, 9])
        """
        lengths = self.lengths
        stays = ~users.repeat(lengths)
        starts = starts_of(np.where(users, 0, lengths))
        return self._with(starts, *(column[stays] for column in self.columns))

    def join(self, others: Self) -> Self:
        """Return the entries of both for every user, own entries first.

        >>> one, other = (RaggedRows(np.array(starts), np.array(rows, np.int32))
        ...               for starts, rows in (([0, 1, 2], [5, 6]), ([0, 0, 1], [7])))
        >>> both = one.join(other)
        >>> both.starts.tolist(), both.rows.tolist()
        ([0, 1, 3], [5, 6, 7])
        """
        if not others.starts[-1]:
            return self
        order = np.argsort(np.concatenate((self.users, others.users)), kind="stable")
        pairs = zip(self.columns, others.columns, strict=True)
        return self._with(self.starts + others.starts, *(np.concatenate(pair)[order] for pair in pairs))

    def _with(self, starts: Starts, *columns: NDArray[Any]) -> Self:
        make: Callable[..., Self] = type(self)
        return make(starts, *columns)


@dataclass(frozen=True, slots=True, eq=False)
class RaggedRows(Ragged):
    """Item rows of n users.

    Attributes:
        rows: (entries,), -1 where the generation does not know an item.
    """

    rows: Rows


@dataclass(frozen=True, slots=True, eq=False)
class RaggedKeys(Ragged):
    """Keys of n users: of items, or of play ids.

    Attributes:
        keys: (entries,)
    """

    keys: Keys


@dataclass(frozen=True, slots=True, eq=False)
class RaggedMarks(Ragged):
    """The marks by which n users' records remember the items of a list.

    Attributes:
        marks: (entries,), best first.
    """

    marks: Counts


@dataclass(frozen=True, slots=True, eq=False)
class WeightedRows(Ragged):
    """Signals of n users.

    Attributes:
        rows: (entries,), item rows, -1 where the generation does not know an item.
        weights: (entries,), of the signals of an item; below 0: against the item.
    """

    rows: Rows
    weights: Floats


def ragged_rows(parts: Sequence[Rows]) -> RaggedRows:
    """Return rows that are given user by user.

    >>> ragged_rows([np.array([4, 5], np.int32), np.array([], np.int32)]).starts.tolist()
    [0, 2, 2]
    """
    rows = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    return RaggedRows(np.cumsum([0, *map(len, parts)], dtype=np.int64), rows)
