"""Events of all listeners in the order of time, split into those that are trained on and those that stream."""

from typing import Any, NamedTuple

import numpy as np

from model.arrays import Counts, Flags, Floats, Keys, Rows, Starts, lengths_of, starts_of
from model.history import Histories


class Events(NamedTuple):
    """Plays of all listeners in time order."""

    users: Starts  # (e,), from 0
    item_keys: Keys  # (e,)
    played_at_s: Counts  # (e,), seconds since 1970
    weights: Floats  # (e,), before any decay; an event of more than 1 stands for several plays, at the time of the last
    signals: Floats  # (e,), weights as signals: by type, and by the share of the item that was listened to
    counted: Flags  # (e,), which are plays; the others are signals alone, such as likes and skips

    def part(self, where: slice | Flags | Starts) -> "Events":
        """Return some of the events."""
        columns: tuple[Any, ...] = self
        return Events(*(column[where] for column in columns))

    def plays_alone(self) -> "Events":
        """Return the plays, each with the weight of a play."""
        plays = self.part(self.counted)
        return plays._replace(signals=plays.weights)


def events_of(
    users: Starts,
    item_keys: Keys,
    played_at_s: Counts,
    signals: Floats | None = None,
    counted: Flags | None = None,
) -> Events:
    """Return plays that are worth 1 each, sorted by time; those of one second stay in their order.

    Args:
        users: Whose they are, from 0.
        item_keys: Keys of their items.
        played_at_s: When they were, in seconds since 1970.
        signals: Weights as signals; that of a play if left out.
        counted: Which are plays; all of them if left out.
    """
    order, ones = np.argsort(played_at_s, kind="stable"), np.ones(len(users), np.float32)
    plays = np.ones(len(users), np.bool_) if counted is None else counted
    worth = ones if signals is None else signals
    return Events(users, item_keys, played_at_s, ones, worth, plays).part(order)


def events_of_histories(histories: Histories, mask: Flags | None = None) -> Events:
    """Return the signals of histories as events.

    A signal for an item is a play if its user's count of plays is above that of the entry before. A signal against an
    item is never a play. A like right after a play that the history dropped has the same columns as a play: it counts
    as one. An entry of an old record may hold several plays: it becomes one event that is worth as much as all of them.

    Args:
        histories: Histories of n users.
        mask: The entries to take, shape (h,); all of them if left out.

    Returns:
        Events by time, those of one user in the order of the history.
    """
    users = np.repeat(np.arange(len(histories.starts) - 1), lengths_of(histories.starts))
    values, touched = histories.values, histories.touched_at_play
    counted = (np.diff(users << 32 | touched, prepend=-1) > 0) & (touched > 0) & (values > 0)
    events = Events(users, histories.item_keys, histories.last_played_s, values, values, counted)
    if mask is not None:
        events = events.part(mask)
    # A play may arrive after later ones: it is learnt when it arrives. Users come one after the other, so a running
    # maximum over user and time together starts again with each.
    arrived = np.maximum.accumulate(events.users << 32 | events.played_at_s.astype(np.int64))
    by_time: Starts = np.argsort(arrived & 0xFFFFFFFF, kind="stable")
    return events.part(by_time)


class Split(NamedTuple):
    """Events that are trained on and events that stream, listener after listener, each one's in order."""

    starts: Starts  # (n_users + 1,)
    items: Rows  # (e,), numbered so that those of the training come first
    weights: Floats  # (e,)
    played_at_s: Counts  # (e,)
    signals: Floats  # (e,), as in `Events`
    counted: Flags  # (e,)
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
        return np.repeat(np.arange(len(self.starts) - 1), lengths_of(self.starts))

    @property
    def rows(self) -> Rows:
        """Return the item row of each event, -1 for an item outside the training."""
        return rows_of(self.items, self.n_items)

    @property
    def lengths(self) -> Starts:
        """Return how many items the listener had played before each event."""
        sums = starts_of(self.new)
        lengths: Starts = sums[:-1] - np.repeat(sums[self.starts[:-1]], lengths_of(self.starts))
        return lengths

    @property
    def has_signals(self) -> bool:
        """Return whether the events hold more than plays with the weight of a play."""
        return not (self.counted.all() and np.array_equal(self.signals, self.weights))

    def with_signals(self) -> "Split":
        """Return the same events with their weights as signals."""
        return self._replace(weights=self.signals)

    def plays_alone(self) -> "Split":
        """Return the plays, each with the weight of a play; scored plays stay scored."""
        if self.counted.all():
            return self
        plays = self.counted
        starts = starts_of(plays)[self.starts]
        columns = {name: getattr(self, name)[plays] for name in _COLUMNS}
        order = np.argsort(columns["places"])
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        n_trained = int((columns["places"] < self.n_trained).sum())
        changed = {"places": places, "new": _first_of_pairs(self.users[plays], columns["items"])}
        return self._replace(starts=starts, n_trained=n_trained, **(columns | changed))


_COLUMNS = ("items", "weights", "played_at_s", "signals", "counted", "places", "new", "scored")


def _first_of_pairs(users: Starts, items: Rows) -> Flags:
    """Return which events are the first of their listener with their item."""
    first = np.zeros(len(items), np.bool_)
    first[np.unique(users.astype(np.int64) << 32 | items, return_index=True)[1]] = True
    return first


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
    new = _first_of_pairs(users, items[places])
    ordered = events.part(places)
    scored = new & (places >= n_trained) & ordered.counted & (ordered.weights <= 1)
    played = np.flatnonzero(ordered.counted)
    scored[played[np.unique(users[played], return_index=True)[1]]] = False  # no list exists before the first play
    columns = ordered.weights, ordered.played_at_s, ordered.signals, ordered.counted
    return Split(starts, items[places], *columns, places, new, scored, vocabulary, n_trained)
