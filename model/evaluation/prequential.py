"""Prequential evaluation of lists: recommend, score, then learn, event after event.

Events are sorted by time. The first of them train item factors, which stay frozen; the rest stream. Each streamed event
whose item is new for its listener is scored: all items of the training that the listener has not played are ranked, and
the rank of the played one counts (an item outside the training is a miss). Then the event is learnt. The first event of
a listener is not scored, since no list exists before the first play, nor is an event that stands for several plays.

Frozen item factors make every listener a stream of their own, so all scored events are ranked at once. In the training
the half-lives weigh only the repeats of an item: without repeats one training serves many half-lives. The largest
weight of an item (`PLAYFOLD_ITEM_WEIGHT_MAX`) is not applied here.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from model.arrays import Doubles, Flags, Rows, Starts, lengths_of, starts_of
from model.equations import equations_of
from model.evaluation.event_log import Split, rows_of
from model.evaluation.history_replay import Signals, replay_histories
from model.evaluation.next_item_ranks import rank_new, ranks_among
from model.evaluation.rank_metrics import MISS
from model.fold_in import fold_in
from model.history import Histories, Plays, add_plays
from model.kernel import kernel
from model.objective import DAY_S, Objective, against
from model.ragged import RaggedRows, WeightedRows
from model.solver import solve_rows_plain
from model.training import Factors, LocalEngine, Progress, train
from model.training_windows import training_matrix

POPULAR_HALF_LIFE_S = 30 * DAY_S
_HISTORY_MAX = 1 << 32  # a history is as long as a listener's plays
_ENTRIES = 1 << 21  # history entries that are unrolled at a time


def train_on(
    split: Split,
    objective: Objective,
    rng: np.random.Generator,
    threads: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Factors:
    """Train on the first events of a split, as a night does: on values as of an item's last signal, not decayed since.

    Plays of items outside the vocabulary, which a split may have that was cut again later, are left out.

    Raises:
        TrainingError: The training diverged.
    """
    trained = (split.places < split.n_trained) & (split.rows >= 0)
    starts = starts_of(trained)[split.starts]
    n_users = len(starts) - 1
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    nobody = Histories(np.zeros(n_users + 1, np.int64), *columns)
    items = split.items[trained].astype(np.uint64)
    plays = Plays(starts, items, split.weights[trained], split.played_at_s[trained], split.counted[trained])
    histories, _ = add_plays(nobody, np.zeros(n_users, np.uint32), plays, _HISTORY_MAX)
    matrix = training_matrix(histories, objective)
    factors = train(matrix, split.n_items, objective, rng, progress, LocalEngine(threads))
    return factors._replace(user_factors=factors.user_factors[:n_users])


class ScoredEvents(NamedTuple):
    """Scored events, with the histories of their listeners before them."""

    users: Starts
    signals: WeightedRows  # all entries of the histories
    played_rows: Rows

    @property
    def known(self) -> RaggedRows:
        """Return the rows of the histories, each once in one; -1 in the place of an item's second entry."""
        starts, rows = self.signals.starts, self.signals.rows
        if not against(self.signals.weights).any():
            return RaggedRows(starts, rows)
        once = np.full(len(rows), -1, np.int32)
        first = np.unique(self.signals.users << 32 | rows, return_index=True)[1]
        once[first] = rows[first]
        return RaggedRows(starts, once)


def fold_in_ranks(split: Split, factors: Factors, objective: Objective, threads: int = 1) -> Starts:
    """Rank every scored event's item by its listener's vector, folded in from all they played before.

    Args:
        split: The events.
        factors: Factors from `train_on`, for an objective that differs in its half-life at most.
        objective: The objective, with the half-life of the fold-in.
        threads: Threads that share the listeners.

    Returns:
        1-based ranks, `MISS` for an item outside the training; in the order of time.

    Raises:
        QualityError: A score is not finite.
    """
    ranks = []
    for events in scored_events(split, objective.half_life_plays, objective.half_life_s):
        x = fold_in(events.signals, factors.items, objective, factors.user_factors[events.users], threads)
        ranks.append(ranks_among(x, factors.item_factors, events.known, events.played_rows, threads))
    return in_time_order(split, ranks)


def fold_in_plain(split: Split, factors: Factors, objective: Objective) -> tuple[ScoredEvents, Doubles]:
    """Fold in before every scored event, one event at a time: the reference for `fold_in_ranks`.

    Returns:
        The scored events in the order of time, each with its history, and the vectors of their listeners, solved
        densely in double precision, shape (n, f).
    """
    histories: list[_PlainHistory] = [_PlainHistory() for _ in split.starts[1:]]
    users, scored, entries = split.users, list[int](), []
    for event in np.argsort(split.places):
        history = histories[users[event]]
        if split.scored[event]:
            scored.append(int(event))
            entries.append([(item, worth) for (item, _), worth in history.values.items()])
        history.learn(split, int(event), objective)
    starts = np.cumsum([0, *map(len, entries)])
    items, weights = np.array([entry for part in entries for entry in part]).reshape(-1, 2).T
    signals = WeightedRows(starts, rows_of(items.astype(np.int32), split.n_items), weights.astype(np.float32))
    events = np.array(scored, np.int64)
    vectors = solve_rows_plain(equations_of(signals, objective), factors.items)
    return ScoredEvents(users[events], signals, split.rows[events]), vectors


class _PlainHistory:
    """The weights of one listener's signals at their latest event time."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, bool], float] = {}  # by item, and by whether the signals are against it
        self._now_s = 0

    def learn(self, split: Split, event: int, objective: Objective) -> None:
        """Decay all weights to an event, and add it."""
        at_s, weight = int(split.played_at_s[event]), float(split.weights[event])
        plays, seconds = int(split.counted[event]), max(0, at_s - self._now_s)
        for key in self.values:
            self.values[key] *= 2 ** (-plays / objective.half_life_plays - seconds / objective.half_life_s)
        self._now_s = max(self._now_s, at_s)
        key = int(split.items[event]), math.copysign(1, weight) < 0
        late_s = self._now_s - at_s
        self.values[key] = self.values.get(key, 0.0) + weight * 2 ** (-late_s / objective.half_life_s)


def static_ranks(split: Split, factors: Factors, threads: int = 1) -> Starts:
    """Rank every scored event's item by its listener's vector as of the training.

    A listener outside the training gets the items that were popular at its end. Arguments, result and errors are
    those of `fold_in_ranks`.
    """
    popular = trained_popularity(split, popularity_weights(split, POPULAR_HALF_LIFE_S)).astype(np.float32)[:, None]
    ranks = []
    for events in scored_events(split, np.inf):
        known, x = events.known, factors.user_factors[events.users]
        personal = ranks_among(x, factors.item_factors, known, events.played_rows, threads)
        same = ranks_among(np.ones((len(x), 1), np.float32), popular, known, events.played_rows, threads)
        ranks.append(np.where(x.any(axis=1), personal, same))
    return in_time_order(split, ranks)


def popular_ranks(split: Split, half_life_s: float = POPULAR_HALF_LIFE_S) -> Starts:
    """Rank every scored event's item by all plays before it, each halved every so many seconds.

    Args:
        split: The events.
        half_life_s: Seconds after which a play counts half; infinite for no decay.

    Returns:
        1-based ranks, `MISS` for an item outside the training; in the order of time.
    """
    worth = popularity_weights(split, half_life_s)
    plays, order = trained_popularity(split, worth), np.argsort(split.places)
    ranks = np.full(len(order), MISS, np.int64)
    columns = split.starts[split.users], split.rows, worth, split.new, split.scored
    _rank_popular(order[split.n_trained :], *columns, plays, ranks)
    return ranks[order][split.scored[order]]


def scored_events(split: Split, half_life_plays: float, half_life_s: float = np.inf) -> Iterator[ScoredEvents]:
    """Yield the scored events in parts of bounded size, listener after listener."""
    # No history is longer than its listener's plays so far.
    plays = np.arange(len(split.items)) - np.repeat(split.starts[:-1], lengths_of(split.starts))
    entries = starts_of(np.where(split.scored, plays, 0))[split.starts]
    cuts: Starts = np.searchsorted(entries, np.arange(0, entries[-1], _ENTRIES))
    for low, high in pairwise(np.unique(np.append(cuts, len(entries) - 1)).tolist()):
        part = slice(split.starts[low], split.starts[high])
        starts, scored = split.starts[low : high + 1] - split.starts[low], split.scored[part]
        columns = split.items[part], split.weights[part], split.played_at_s[part], split.counted[part]
        histories = replay_histories(Signals(starts, *columns), scored, half_life_plays, half_life_s)
        signals = WeightedRows(histories.starts, rows_of(histories.items, split.n_items), histories.weights)
        yield ScoredEvents(split.users[part][scored], signals, split.rows[part][scored])


def in_time_order(split: Split, ranks: list[Starts]) -> Starts:
    """Return the ranks of all parts in the order of time."""
    in_time: Starts = np.concatenate([np.zeros(0, np.int64), *ranks])[np.argsort(split.places[split.scored])]
    return in_time


def popularity_weights(split: Split, half_life_s: float) -> Doubles:
    """Return the addition of every event to its item's popularity, up to a factor that all events share."""
    played_at_s = split.played_at_s.astype(np.float64)
    worth = np.exp2((played_at_s - played_at_s.max(initial=0)) / half_life_s)
    return np.where(split.rows >= 0, worth, 0)


def trained_popularity(split: Split, worth: Doubles) -> Doubles:
    """Return the popularity of every item at the end of the training, summed in the order of time."""
    trained = np.argsort(split.places)[: split.n_trained]
    return np.bincount(split.rows[trained], worth[trained], split.n_items).astype(np.float64)


@kernel
def _rank_popular(
    order: Starts, firsts: Starts, rows: Rows, worth: Doubles, new: Flags, scored: Flags, plays: Doubles, ranks: Starts
) -> None:
    """Walk the streamed events in time; `plays` counts on, and `ranks` gets that of every scored event."""
    for i in order:
        if rows[i] < 0:
            continue
        if scored[i]:
            ranks[i] = rank_new(plays, rows, new, firsts[i], i)
        plays[rows[i]] += worth[i]
