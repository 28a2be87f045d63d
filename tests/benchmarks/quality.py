"""How good the lists are on MovieLens-100K, every rating taken as a play.

Events are sorted by time. The first 70 % train the item factors, which stay frozen; the last 30 % stream. Each streamed
event whose item is new for its listener is scored: all items of the training that the listener has not played are
ranked, and the rank of the played one counts (an item outside the training is a miss). Then the event is learnt. The
first event of a new listener is not scored, since no list exists before the first play.

`ml100k_fold_in` runs through the functions of the worker and learns from every event; `ml100k_fold_in_windows` does so
with item factors that were trained on windows of plays too. `ml100k_static` keeps the user
vectors of the training (whoever is not in it gets the popular items). `ml100k_popular` ranks by plays so far, halved
every 30 days. The value is hit@20 with its 95 % interval.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.ml100k import fetch, ml100k_path
from model.arrays import Counts, Floats, Keys, Rows, Starts
from model.fold_in import fold_in
from model.history import Histories, Plays, add_plays
from model.objective import Objective
from model.quality import hit_rate, mean_reciprocal_rank, ranks_of
from model.training import Factors, Matrix, train
from model.weights import decayed
from model.windows import with_windows
from streams.settings import read_settings

# Chosen on the first 70 % alone (trained on the first 49 % of all events, judged on the next 21 %), among a0 of .01 to
# 1, lambda of .02 to .15, half-lives of 2 to 10 plays and windows of none to 40 plays.
PLAIN = Objective("ials", factors=64, unobserved_weight=1.0, regularization=0.1, half_life_plays=5.0)
WINDOWS = Objective("ials", factors=64, unobserved_weight=0.1, regularization=0.1, half_life_plays=3.0, window_plays=20)
TRAINED = 0.7
POPULAR_HALF_LIFE_S = 30 * 86_400
HISTORY_MAX = 65_535


class Events(NamedTuple):
    """Plays of everybody in time order."""

    users: Starts
    item_keys: Keys
    played_at_s: Counts

    def part(self, where: slice) -> "Events":
        """Return some of the events."""
        return Events(self.users[where], self.item_keys[where], self.played_at_s[where])


class Listeners(NamedTuple):
    """The state of some listeners, one row each."""

    users: Starts
    histories: Histories
    plays_now: Counts
    x: Floats

    def take(self, places: Starts) -> "Listeners":
        """Return the listeners at some places."""
        old, lengths = self.histories, np.diff(self.histories.starts)[places]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.arange(starts[-1]) + np.repeat(old.starts[places] - starts[:-1], lengths)
        columns = old.item_keys, old.values, old.touched_at_play, old.last_played_s
        histories = Histories(starts, *(column[entries] for column in columns))
        return Listeners(self.users[places], histories, self.plays_now[places], self.x[places])

    def learn(self, plays: Plays, objective: Objective) -> "Listeners":
        """Return the same listeners after their next plays."""
        histories, plays_now = add_plays(self.histories, self.plays_now, plays, HISTORY_MAX, objective.half_life_plays)
        return self._replace(histories=histories, plays_now=plays_now)


def ml100k() -> Events:
    """Read MovieLens-100K, fetched on first use."""
    plays = fetch(ml100k_path(read_settings())).plays
    users, items = (pc.dictionary_encode(plays[name].combine_chunks()).indices for name in ("user_id", "item_id"))
    times = plays["played_at_s"].to_numpy().astype(np.uint32)
    return Events(users.to_numpy().astype(np.int64), items.to_numpy().astype(np.uint64), times)


def learn_first(events: Events, n_users: int, objective: Objective) -> Listeners:
    """Return everybody's state after the events."""
    order = np.argsort(events.users, kind="stable")
    starts = np.searchsorted(events.users[order], np.arange(n_users + 1))
    ones = np.ones(len(order), np.float32)
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    nobody = Listeners(
        np.arange(n_users),
        Histories(np.zeros(n_users + 1, np.int64), *columns),
        np.zeros(n_users, np.uint32),
        np.zeros((n_users, objective.factors), np.float32),
    )
    return nobody.learn(Plays(starts, events.item_keys[order], ones, events.played_at_s[order]), objective)


def rounds(events: Events) -> Iterator[Starts]:
    """Yield the places of all events in rounds of at most one a listener, listeners in order.

    Frozen item factors make this the same as one event at a time.
    """
    order = np.argsort(events.users, kind="stable")
    users = events.users[order]
    firsts = np.searchsorted(users, users)
    turn = np.arange(len(users)) - firsts
    for number in range(int(turn.max()) + 1):
        yield order[turn == number]


def rows_of(item_keys: Keys, vocabulary: Keys) -> Rows:
    """Return the rows of items, -1 outside the sorted vocabulary."""
    rows: Starts = np.minimum(np.searchsorted(vocabulary, item_keys), len(vocabulary) - 1)
    return np.where(vocabulary[rows] == item_keys, rows, -1).astype(np.int32)


def popular_before(events: Events, first: int, vocabulary: Keys) -> Floats:
    """Return every item's decayed plays before each event from `first` on, up to a factor of the event's own."""
    rows = rows_of(events.item_keys, vocabulary)
    age_s = events.played_at_s.astype(np.float64) - float(events.played_at_s[-1])
    worth = np.where(rows >= 0, np.exp2(age_s / POPULAR_HALF_LIFE_S), 0)
    plays = np.zeros((len(rows) - first, len(vocabulary)))
    plays[0] = np.bincount(rows[:first], worth[:first], len(vocabulary))
    plays[np.arange(1, len(plays)), rows[first:-1]] = worth[first:-1]
    return np.cumsum(plays, axis=0, out=plays).astype(np.float32)


def vectors(listeners: Listeners, rows: Rows, factors: Factors, objective: Objective) -> Floats:
    """Fold listeners in, as a worker does."""
    histories = listeners.histories
    now = np.repeat(listeners.plays_now.astype(np.int64), np.diff(histories.starts))
    weights = decayed(histories.values, now - histories.touched_at_play, objective.half_life_plays)
    fixed = factors.item_factors, factors.gram_diagonal
    return fold_in(histories.starts, rows, weights, *fixed, objective, listeners.x)


def evaluate(events: Events, first: int, objective: Objective) -> tuple[dict[str, Starts], int]:
    """Stream the events from `first` on; return the ranks by row, and the number of items ranked."""
    n_users = int(events.users.max()) + 1
    stream = events.part(slice(first, None))
    listeners = learn_first(events.part(slice(first)), n_users, objective)
    vocabulary = np.unique(listeners.histories.item_keys)
    histories = listeners.histories
    # Values as of each item's last touch, not decayed to the present: all of a history tells what goes with what.
    matrix = Matrix(histories.starts, rows_of(histories.item_keys, vocabulary), histories.values)
    matrix = with_windows(matrix, histories.touched_at_play, objective.window_plays)
    factors = train(matrix, len(vocabulary), objective, np.random.default_rng(0))
    listeners = listeners._replace(x=factors.user_factors[:n_users].copy())
    popular = popular_before(events, first, vocabulary)

    ranks: dict[str, list[Starts]] = {"fold_in": [], "popular": [], "static": []}
    for places in rounds(stream):
        users, item_keys = stream.users[places], stream.item_keys[places]
        listeners = listeners.take(np.searchsorted(listeners.users, users))
        for name, of_events in rank(listeners, stream, places, vocabulary, factors, popular, objective):
            ranks[name].append(of_events)
        ones = np.ones(len(users), np.float32)
        plays = Plays(np.arange(len(users) + 1), item_keys, ones, stream.played_at_s[places])
        listeners = listeners.learn(plays, objective)
    return {name: np.concatenate(parts) for name, parts in ranks.items()}, len(vocabulary)


def rank(
    listeners: Listeners,
    stream: Events,
    places: Starts,
    vocabulary: Keys,
    factors: Factors,
    popular: Floats,
    objective: Objective,
) -> Iterator[tuple[str, Starts]]:
    """Yield the ranks of a round's scored events under each model."""
    scored = np.flatnonzero(is_scored(listeners.histories, stream.item_keys[places]))
    asking, places = listeners.take(scored), places[scored]
    starts, known = asking.histories.starts, rows_of(asking.histories.item_keys, vocabulary)
    trained = factors.user_factors[asking.users]
    in_training = np.abs(trained).sum(axis=1, keepdims=True) > 0
    static = np.where(in_training, trained @ factors.item_factors.T, popular[:1])
    folded = vectors(asking, known, factors, objective) @ factors.item_factors.T
    played = rows_of(stream.item_keys[places], vocabulary)
    for name, scores in (("fold_in", folded), ("popular", popular[places]), ("static", static)):
        yield name, ranks_of(scores, starts, known, played)


def is_scored(histories: Histories, item_keys: Keys) -> NDArray[np.bool_]:
    """Tell which listeners play an item that is new for them, having played another before."""
    lengths = np.diff(histories.starts)
    again = histories.item_keys == np.repeat(item_keys, lengths)
    owners = np.repeat(np.arange(len(item_keys)), lengths)
    scored: NDArray[np.bool_] = (lengths > 0) & (np.bincount(owners, again, len(item_keys)) == 0)
    return scored


def measured() -> Iterator[Row]:
    """Measure every row."""
    events = ml100k()
    n_trained = int(len(events.users) * TRAINED)
    ranks, n_items = evaluate(events, n_trained, PLAIN)
    yield row("fold_in", ranks["fold_in"], n_items, asdict(PLAIN))
    yield row("popular", ranks["popular"], n_items, {"half_life_s": POPULAR_HALF_LIFE_S})
    yield row("static", ranks["static"], n_items, asdict(PLAIN))
    ranks, n_items = evaluate(events, n_trained, WINDOWS)
    yield row("fold_in_windows", ranks["fold_in"], n_items, asdict(WINDOWS))


def row(name: str, ranks: Starts, n_items: int, settings: dict[str, object]) -> Row:
    """Return what the ranks of a model's events come to."""
    at_20 = hit_rate(ranks, 20, n_items)
    return Row(
        f"ml100k_{name}",
        at_20.value,
        "hit@20",
        hit_at_10=hit_rate(ranks, 10, n_items).value,
        hit_at_20=at_20.value,
        mrr_at_20=mean_reciprocal_rank(ranks, 20, n_items).value,
        low=at_20.low,
        high=at_20.high,
        events=len(ranks),
        settings=settings,
    )


if __name__ == "__main__":
    report(measured())
