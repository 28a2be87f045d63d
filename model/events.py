"""Plays of everybody in time, and the cut between what is trained on and what streams."""

from typing import NamedTuple

import numpy as np

from model.arrays import Counts, Flags, Floats, Keys, Rows, Starts
from model.history import Histories


class Events(NamedTuple):
    """Plays of everybody in time order."""

    users: Starts  # (e,), from 0
    item_keys: Keys  # (e,)
    played_at_s: Counts  # (e,), seconds since 1970
    weights: Floats  # (e,), what each is worth before any decay; more than 1: several plays, only the last of them told

    def part(self, where: slice | Flags | Starts) -> "Events":
        """Return some of the events."""
        return Events(self.users[where], self.item_keys[where], self.played_at_s[where], self.weights[where])


def events_of(users: Starts, item_keys: Keys, played_at_s: Counts) -> Events:
    """Return plays that are worth 1 each, sorted by time; those of one second stay in their order."""
    order = np.argsort(played_at_s, kind="stable")
    return Events(users[order], item_keys[order], played_at_s[order], np.ones(len(order), np.float32))


def events_of_histories(histories: Histories, kept: Flags | None = None) -> Events:
    """Return what histories still tell of the plays that made them: for every item the last one.

    An item that was played more often becomes one event that is worth as much as all its plays.

    Args:
        histories: Histories of n users.
        kept: The entries to take, shape (h,); all of them if left out.

    Returns:
        Events by time, those of one user in the order in which the history was touched.
    """
    users = np.repeat(np.arange(len(histories.starts) - 1), np.diff(histories.starts))
    events = Events(users, histories.item_keys, histories.last_played_s, histories.values)
    if kept is not None:
        events = events.part(kept)
    # A play may arrive after later ones: it is learnt when it arrives. Users come one after the other, so a running
    # maximum over user and time together starts again with each.
    arrived = np.maximum.accumulate(events.users << 32 | events.played_at_s.astype(np.int64))
    by_time: Starts = np.argsort(arrived & 0xFFFFFFFF, kind="stable")
    return events.part(by_time)


class Split(NamedTuple):
    """Events cut in two: what is trained on, and what streams. Listener after listener, each one's in order."""

    starts: Starts  # (n_users + 1,)
    items: Rows  # (e,), numbered so that those of the training come first
    weights: Floats  # (e,)
    played_at_s: Counts  # (e,)
    places: Starts  # (e,), where an event stands in time
    new: Flags  # (e,), the first event of its listener with its item
    scored: Flags  # (e,)
    vocabulary: Keys  # (n_items,), keys of the items of the training, ascending
    n_trained: int

    @property
    def n_items(self) -> int:
        """Return the number of items of the training."""
        return len(self.vocabulary)

    @property
    def users(self) -> Starts:
        """Return whose each event is."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @property
    def rows(self) -> Rows:
        """Return the item row of each event, -1 for an item outside the training."""
        return rows_of(self.items, self.n_items)

    @property
    def lengths(self) -> Starts:
        """Return how many items the listener had played before each event."""
        sums = np.concatenate(([0], np.cumsum(self.new)))
        lengths: Starts = sums[:-1] - np.repeat(sums[self.starts[:-1]], np.diff(self.starts))
        return lengths


def rows_of(items: Rows, n_items: int) -> Rows:
    """Return the rows of items, -1 for one outside the training."""
    return np.where(items < n_items, items, -1).astype(np.int32)


def split_events(events: Events, n_trained: int) -> Split:
    """Cut events in two after the first `n_trained`."""
    vocabulary: Keys = np.unique(events.item_keys[:n_trained])
    others: Keys = np.setdiff1d(events.item_keys, vocabulary)
    keys = np.concatenate((vocabulary, others))
    by_key = np.argsort(keys)
    items = by_key[np.searchsorted(keys, events.item_keys, sorter=by_key)].astype(np.int32)
    places = np.argsort(events.users, kind="stable")
    users = events.users[places]
    starts = np.searchsorted(users, np.arange(int(users.max(initial=-1)) + 2))
    new = np.zeros(len(places), np.bool_)
    new[np.unique(users * len(keys) + items[places], return_index=True)[1]] = True
    scored = new & (places >= n_trained) & (events.weights[places] <= 1)
    scored[starts[:-1][np.diff(starts) > 0]] = False
    items, weights, played_at_s = items[places], events.weights[places], events.played_at_s[places]
    return Split(starts, items, weights, played_at_s, places, new, scored, vocabulary, n_trained)
