"""Whether a candidate may be published: it and the generation in service look for what neither was trained on."""

from typing import NamedTuple, Self

import numpy as np

from jobs.histories.training_set import TrainingSet
from jobs.retraining.train import Trained
from model.arrays import Counts, Floats, Keys, Rows, Starts
from model.decay import decayed
from model.evaluation.rank_metrics import Interval, hit_rate, mean_reciprocal_rank, paired_bootstrap, ranks_of
from model.fold_in import fold_in
from model.history import Histories
from model.objective import Objective
from state.generations.generation import Generation
from state.generations.manifest import Estimate, Gate, Quality

K = 20
LISTENERS_MAX = 20_000
"""Listeners that are asked; more would narrow the interval by little."""
LISTENERS_MIN = 30
"""With fewer the interval says nothing."""
BLOCK_SCORES = 1 << 24
"""Scores in memory at a time, 64 MiB of them."""


class Asked(NamedTuple):
    """The listeners who are asked, as they were before they played what is held out."""

    histories: Histories
    """All but the held-out item of each."""
    plays_before: Counts
    """The number of the play before it, shape (n,)."""
    held_out: Keys
    """The key of the held-out item, shape (n,)."""
    at_s: Counts
    """When it was played last, in seconds since 1970, shape (n,)."""


class Side(NamedTuple):
    """A generation, in service or not, as far as the gate needs it."""

    sorted_keys: Keys
    """Item keys, ascending."""
    key_rows: Rows
    """The row of each."""
    item_factors: Floats
    gram_diagonal: Floats
    objective: Objective

    @classmethod
    def of_training(cls, found: TrainingSet, trained: Trained) -> Self:
        """Return the candidate."""
        rows = np.arange(found.n_items, dtype=np.int32)
        return cls(found.item_keys, rows, trained.item_factors, trained.gram_diagonal, trained.record.objective)

    @classmethod
    def of_generation(cls, generation: Generation) -> Self:
        """Return the generation in service."""
        order = generation.key_order
        fixed = generation.item_factors, generation.gram_diagonal, generation.manifest.objective
        return cls(generation.item_keys[order], order, *fixed)

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the rows of items, -1 for an unknown one."""
        places = np.minimum(np.searchsorted(self.sorted_keys, item_keys), len(self.sorted_keys) - 1)
        return np.where(self.sorted_keys[places] == item_keys, self.key_rows[places], -1).astype(np.int32)


def asked_of(found: TrainingSet) -> Asked:
    """Return the listeners who are asked: those with an item held out, by their hash, at most `LISTENERS_MAX`."""
    users = np.flatnonzero(found.held_out >= 0)
    users = np.sort(users[np.argsort(found.hashes[users], kind="stable")[:LISTENERS_MAX]])
    held_out, old = found.held_out[users], found.histories
    lengths = np.diff(old.starts)[users]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    entries = np.repeat(old.starts[users] - starts[:-1], lengths) + np.arange(starts[-1])
    kept = entries != np.repeat(held_out, lengths)
    columns = (column[entries[kept]] for column in old[1:])
    histories = Histories(starts - np.arange(len(starts)), *columns)
    before = old.touched_at_play[held_out] - np.uint32(1)
    return Asked(histories, before, old.item_keys[held_out], old.last_played_s[held_out])


class Scored(NamedTuple):
    """What one side answered."""

    ranks: Starts
    """1-based, `MISS` for an item outside the catalog."""
    n_items: int

    @property
    def hits(self) -> Floats:
        """Return 1 for every item among the first `K`, 0 for the others."""
        hits: Floats = ((self.ranks > 0) & (self.ranks <= K)).astype(np.float32)
        return hits

    @property
    def quality(self) -> Quality:
        """Return the figures with their intervals."""
        return Quality(
            n_events=len(self.ranks),
            hit_at_20=_estimate(hit_rate(self.ranks, K, self.n_items)),
            mrr_at_20=_estimate(mean_reciprocal_rank(self.ranks, K, self.n_items)),
        )


def score(side: Side, asked: Asked) -> Scored:
    """Rank every held-out item among all that its listener does not know; an item outside the catalog is missed.

    A listener is folded in from what they had played before it, with recency as of that moment.

    Raises:
        QualityError: A score is not finite.
    """
    histories = asked.histories
    known = side.rows_of(histories.item_keys)
    lengths = np.diff(histories.starts)
    ages = np.repeat(asked.plays_before.astype(np.int64), lengths) - histories.touched_at_play
    # What was played again later is known, but says nothing about that moment.
    rows = np.where(ages >= 0, known, np.int32(-1))
    ages_s = np.repeat(asked.at_s.astype(np.int64), lengths) - histories.last_played_s
    half_lives = side.objective.half_life_plays, side.objective.half_life_s
    weights = decayed(histories.values, np.maximum(ages, 0), half_lives[0], np.maximum(ages_s, 0), half_lives[1])
    users = np.zeros((len(lengths), side.objective.factors), np.float32)
    fold_in(histories.starts, rows, weights, side.item_factors, side.gram_diagonal, side.objective, users)
    played, ranks = side.rows_of(asked.held_out), [np.zeros(0, np.int64)]
    n_block = max(1, BLOCK_SCORES // len(side.sorted_keys))
    for low in range(0, len(users), n_block):
        block = slice(low, low + n_block)
        starts = histories.starts[low : low + n_block + 1]
        part = known[starts[0] : starts[-1]]
        ranks.append(ranks_of(users[block] @ side.item_factors.T, starts - starts[0], part, played[block]))
    return Scored(np.concatenate(ranks), len(side.sorted_keys))


def judge(
    candidate: Scored, serving: Scored | None, against: str | None, rng: np.random.Generator, *, forced: bool
) -> Gate:
    """Decide whether a candidate may be published: unless its hit@20 is worse than that of the one in service.

    Worse is what lies below it with the whole 95 % interval of the paired difference.

    Args:
        candidate: What the candidate answered.
        serving: What the generation in service answered to the same listeners, None if there is none.
        against: Its id; with no `serving`, the generation that should have been compared with and cannot be opened.
        rng: Source of the bootstrap.
        forced: An operator wants it published, whatever comes out.
    """
    n = len(candidate.ranks)
    if not n or serving is None:
        return _unopposed(candidate, against)
    difference = paired_bootstrap(candidate.hits, serving.hits, rng)
    worse = difference.high < 0 and n >= LISTENERS_MIN
    quality = candidate.quality
    return Gate(
        against=against,
        candidate=quality,
        serving=serving.quality,
        difference=_estimate(difference),
        accepted=not worse,
        forced=worse and forced,
        reason=_told(quality.hit_at_20.value, difference, against, n, worse=worse, forced=forced),
    )


def _unopposed(candidate: Scored, against: str | None) -> Gate:
    """Accept what nothing can be compared with."""
    if not len(candidate.ranks):
        reason = "No listener's latest item was held out, so nothing is judged."
    elif against is None:
        reason = "No generation is in service to compare it with."
    else:
        reason = f"Generation {against} cannot be opened, so there is nothing to compare it with."
    quality = candidate.quality if len(candidate.ranks) else None
    return Gate(against=against, candidate=quality, serving=None, difference=None, accepted=True, reason=reason)


def _told(hit_at_20: float, difference: Interval, against: str | None, n: int, *, worse: bool, forced: bool) -> str:
    """Return the verdict as a sentence."""
    side = "below" if difference.value < 0 else "above"
    found = f"hit@20 is {hit_at_20:.3f}, {abs(difference.value):.3f} {side} generation {against}"
    interval = f"between {difference.low:+.3f} and {difference.high:+.3f} with 95 % confidence"
    if worse:
        return f"{found}, {interval}: {'published by force' if forced else 'not published'}."
    return f"{found}, {interval}." if n >= LISTENERS_MIN else f"{found}; {n} listeners are too few to judge by."


def _estimate(found: Interval) -> Estimate:
    return Estimate(found.value, found.low, found.high)
