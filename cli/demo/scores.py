"""The demo's figures: how good the lists are, and how soon they come. Pure: the times are given."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec
import numpy as np

from model.evaluation.rank_metrics import MISS, Interval, hit_rate

K = 10
WINDOW_S = 30.0
WAITING_MAX = 10_000


class HitRates:
    """The share of plays whose item is in the listener's own list, and in the popular one.

    Only an item that is new for its listener counts, and only while they have a list: both lists are judged by the
    same plays. The play is judged first and learnt then.
    """

    def __init__(self, past: Iterable[tuple[str, str]]) -> None:
        """Know the plays, (user id, item id), that were folded before."""
        self.known: dict[str, set[str]] = {}
        plays: Counter[str] = Counter()
        for user_id, item_id in past:
            self.known.setdefault(user_id, set()).add(item_id)
            plays[item_id] += 1
        self._popular = [item_id for item_id, _ in plays.most_common()]
        self._own_ranks: list[int] = []
        self._popular_ranks: list[int] = []
        self.n_repeated = 0
        self.n_without_list = 0

    def judge(self, user_id: str, item_id: str, listed: Sequence[str] | None) -> None:
        """Judge the list held before a play, None for no list yet, and learn the play."""
        known = self.known.setdefault(user_id, set())
        if item_id in known:
            self.n_repeated += 1
        elif listed is None:
            self.n_without_list += 1
        else:
            popular = list(islice((popular for popular in self._popular if popular not in known), K))
            self._own_ranks.append(_rank(item_id, listed[:K]))
            self._popular_ranks.append(_rank(item_id, popular))
        known.add(item_id)

    @property
    def n_judged(self) -> int:
        """Return how many plays count."""
        return len(self._own_ranks)

    @property
    def own(self) -> Interval | None:
        """Return the hit rate at 10 of the listeners' own lists; None before the first play that counts."""
        return hit_rate(self._own_ranks, K, K) if self._own_ranks else None

    @property
    def popular(self) -> Interval | None:
        """Return the hit rate at 10 of the popular list, without the items that the listener knows."""
        return hit_rate(self._popular_ranks, K, K) if self._popular_ranks else None


class Place(msgspec.Struct, frozen=True):
    """Where a play stands."""

    partition: int
    offset: int


class Latencies:
    """From a play's production to the consumption of the list that reflects it.

    A play whose list stayed the same is answered by no list; one that a later play of its listener overtook in the
    same commit group shares the later one's list. Neither is measured.
    """

    def __init__(self) -> None:
        """Start without a measurement."""
        self._produced: dict[Place, float] = {}
        self._early: dict[Place, float] = {}
        self._window: deque[tuple[float, float]] = deque()
        self.all_ms: list[float] = []

    def produced(self, place: Place, produced_at: float) -> None:
        """Note when a play was produced, in seconds; known only once Kafka has told its place."""
        consumed_at = self._early.pop(place, None)
        if consumed_at is not None:
            self._measure(produced_at, consumed_at)
        else:
            _remember(self._produced, place, produced_at)

    def consumed(self, place: Place, consumed_at: float) -> None:
        """Note when the list that reflects the play at a place was consumed, in seconds."""
        produced_at = self._produced.pop(place, None)
        if produced_at is not None:
            self._measure(produced_at, consumed_at)
        else:
            _remember(self._early, place, consumed_at)

    def _measure(self, produced_at: float, consumed_at: float) -> None:
        latency_ms = 1000 * (consumed_at - produced_at)
        self.all_ms.append(latency_ms)
        self._window.append((consumed_at, latency_ms))

    def recent_ms(self, now: float) -> list[float]:
        """Return the latencies of the last seconds."""
        while self._window and self._window[0][0] < now - WINDOW_S:
            self._window.popleft()
        return [latency_ms for _, latency_ms in self._window]


class Move(msgspec.Struct, frozen=True):
    """The effect of a play on one item of a list."""

    item_id: str
    rank: int | None
    """Rank after the play; None for an item that left the list."""
    was: int | None
    """Rank before the play; None for an item that is new in the list."""

    @property
    def said(self) -> str:
        """Return the move in one word."""
        if self.rank is None:
            return "out"
        if self.was is None:
            return "new"
        up = self.was - self.rank
        return f"up {up}" if up > 0 else f"down {-up}" if up < 0 else "same"


def compare_lists(before: Sequence[str], after: Sequence[str], n: int = K) -> list[Move]:
    """Return the moves among the first `n` items: those of the list after the play, then those that left it.

    >>> [(move.item_id, move.said) for move in compare_lists(["a", "b"], ["b", "c"], 2)]
    [('b', 'up 1'), ('c', 'new'), ('a', 'out')]
    """
    first, then = list(before[:n]), list(after[:n])
    moves = [Move(item, rank, first.index(item) + 1 if item in first else None) for rank, item in enumerate(then, 1)]
    return moves + [Move(item, None, rank) for rank, item in enumerate(first, 1) if item not in then]


def quantile_ms(latencies_ms: Sequence[float], q: float) -> float | None:
    """Return a quantile; None of nothing."""
    return float(np.quantile(latencies_ms, q)) if latencies_ms else None


def _rank(item_id: str, listed: Sequence[str]) -> int:
    return listed.index(item_id) + 1 if item_id in listed else MISS


def _remember(waiting: dict[Place, float], place: Place, at: float) -> None:
    """Remember a time, and forget the oldest when there are too many."""
    waiting[place] = at
    if len(waiting) > WAITING_MAX:
        del waiting[next(iter(waiting))]
