"""The popularity of items under one generation: as trained, and kept live as plays are learned.

A worker sees the plays of its own partitions alone, and a restart begins with the generation again. So live popularity
is an approximation by design, and nothing of it has to be recovered. It holds one number per item.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Doubles, Floats, Keys, Rows
from model.blend import preferences
from model.objective import DAY_S
from model.popularity import LivePlays
from model.ranking import NONE
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.context import ListContext
from streams.messages.records import ALL_KINDS
from streams.settings.lists import PopularitySettings

POPULAR_N = 1000
"""Items of the popular list."""
REFRESH_MS = 1000
"""Milliseconds that the ranking of popular items stays the same."""


class Popular(NamedTuple):
    """The popularity of items at a moment."""

    rows: Rows  # at most `POPULAR_N`, the most popular first; all of them listed
    plays: Floats  # the weight of the plays of each of `rows`
    preference: Floats  # (n_items,), plays of every item by an average listener, at most 1

    @property
    def is_played(self) -> bool:
        """Return whether any item has plays; the most popular one answers before the whole catalog is read."""
        return bool(self.preference[self.rows[:1]].any() or self.preference.any())


class Popularity(Protocol):
    """A source of the popular list; it is asked only if some user needs that list."""

    def now(self, context: ListContext, unlisted: Unlisted) -> Popular:
        """Return the most popular items, without the unlisted ones."""


class Kinds(NamedTuple):
    """The kind of every item."""

    names: Sequence[str]
    codes: NDArray[np.int16]  # (n_items,), indexes of `names`, -1 where the kind is not known


class PopularList(NamedTuple):
    """The most popular items of a kind."""

    rows: Rows
    plays: Floats


def popular_as_trained(generation: Generation, unlisted: Unlisted) -> Popular:
    """Return the popularity of items as a generation was trained."""
    rows = unlisted.popular_rows(generation, POPULAR_N)
    return Popular(rows, generation.popularity[rows], generation.preference)


class TrainedPopularity:
    """The popularity of items as the generation was trained."""

    def now(self, context: ListContext, unlisted: Unlisted) -> Popular:
        """Return the most popular items, without the unlisted ones."""
        return popular_as_trained(context.generation, unlisted)


class LivePopularity:
    """Counts the plays that a worker learns on top of those that the generation in service was trained on.

    One thread at a time uses it. It counts under the generation that it was told of last.
    """

    def __init__(self, popularity: PopularitySettings) -> None:
        """Read the half-life of plays from the settings."""
        self._half_life_s = popularity.half_life_days * DAY_S
        self._live = LivePlays.begin(np.zeros(0, np.float32), 0)
        self._latest: Popular | None = None
        self._latest_at_ms = 0

    def generation_swapped(self, generation: Generation) -> None:
        """Begin anew with the plays that another generation was trained on."""
        self._live = LivePlays.begin(generation.popularity, generation.manifest.popularity_as_of_s)
        self._latest = None

    def revision_swapped(self, generation: Generation) -> None:  # noqa: ARG002  the signature of observers
        """Rank anew: other items are withdrawn."""
        self._latest = None

    def learn(
        self,
        generation: Generation,
        item_keys: Keys,
        weights: Floats,
        played_at_s: Counts,
        now_s: int,
        replaced: tuple[Floats, Counts] | None = None,
    ) -> None:
        """Count learned plays; plays of items that the generation does not know are ignored.

        Args:
            generation: The generation in service.
            item_keys: The items.
            weights: The contributions of their listeners, at most one play each.
            played_at_s: Their times, in seconds since 1970.
            now_s: Now.
            replaced: The contributions of the same listeners that these replace, with their times.
        """
        rows = generation.rows_of(item_keys)
        self._live.add(rows, weights, played_at_s, self._half_life_s, now_s, replaced)

    def now(self, context: ListContext, unlisted: Unlisted) -> Popular:
        """Return the most popular items without the unlisted ones, as of at most a second ago.

        An item that is listed again may be missing for as long: if items came and went with every group, ranking all
        of them each time would take longer than the group.
        """
        latest = self._latest
        if latest is None or context.now_ms - self._latest_at_ms >= REFRESH_MS:
            plays = self._live.plays(self._half_life_s)
            rows = most_played(plays, POPULAR_N, unlisted.rows)
            preference = preferences(plays, context.generation.manifest.plays_per_listener)
            latest = Popular(rows, plays[rows].astype(np.float32), preference)
            self._latest, self._latest_at_ms = latest, context.now_ms
        gone = unlisted.mask[latest.rows]
        return latest._replace(rows=latest.rows[~gone], plays=latest.plays[~gone]) if gone.any() else latest

    def lists(self, n: int, unlisted: Unlisted, kinds: Kinds | None = None) -> dict[str, PopularList]:
        """Return the n most popular items of all, and of every kind that has any."""
        return popular_lists(self._live.plays(self._half_life_s), n, unlisted, kinds)

    @property
    def half_life_s(self) -> float:
        """Return the seconds after which a play counts half."""
        return self._half_life_s

    @property
    def as_of_s(self) -> int:
        """Return the time of the latest play, as of which plays are weighed; 0 if it is not known."""
        return self._live.latest_s


def popular_lists(plays: Doubles, n: int, unlisted: Unlisted, kinds: Kinds | None = None) -> dict[str, PopularList]:
    """Return the n most popular listed items of all, and of every kind that has any."""
    listed = np.flatnonzero(~unlisted.mask)
    chosen = {ALL_KINDS: listed}
    if kinds is not None:
        codes = kinds.codes[listed]
        by_kind = np.argsort(codes, kind="stable")  # one pass, however many kinds there are
        bounds = np.searchsorted(codes[by_kind], np.arange(len(kinds.names) + 1))
        for name, (low, high) in zip(kinds.names, pairwise(bounds), strict=True):
            if high > low:
                chosen.setdefault(name, listed[by_kind[low:high]])
    best = {name: rows[most_played(plays[rows], n, NONE)].astype(np.int32) for name, rows in chosen.items()}
    return {name: PopularList(rows, plays[rows].astype(np.float32)) for name, rows in best.items()}


def most_played(plays: Doubles, n: int, left_out: Rows) -> Rows:
    """Return the rows of the n items with the most plays, ties by row, without those left out.

    >>> most_played(np.array([1.0, 5.0, 5.0, 9.0]), 2, np.array([3], np.int32)).tolist()
    [1, 2]
    """
    weights = plays.copy()
    weights[left_out] = -np.inf
    n = min(n, len(weights) - len(left_out))
    if not n:
        return np.zeros(0, np.int32)
    least = np.partition(weights, len(weights) - n)[len(weights) - n]
    rows = np.flatnonzero(weights >= least)
    best: Rows = rows[np.argsort(-weights[rows], kind="stable")][:n].astype(np.int32)
    return best
