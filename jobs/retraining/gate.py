"""The gate: compares a candidate with the generation in service on items that neither was trained on.

Every listener of the hold-out is folded in without their held-out item; the rank of that item is the result.
"""

from typing import NamedTuple, Self

import msgspec
import numpy as np

from jobs.histories.training_set import TrainingSet
from jobs.retraining.train import TrainedFactors
from model.arrays import Counts, Floats, Keys, Rows, Starts, entries_where, lengths_of, part_of
from model.evaluation.rank_metrics import Interval, hit_rate, mean_reciprocal_rank, paired_bootstrap, ranks_of
from model.fixed_items import FixedItems
from model.fold_in import fold_in
from model.history import Histories
from model.item_weights import item_weights
from model.objective import Objective
from model.ragged import WeightedRows
from state.generations.generation import Generation
from state.generations.manifest import Estimate, Gate, Quality

K = 20
LISTENERS_MAX = 20_000
"""Listeners in the hold-out; more would hardly narrow the interval."""
LISTENERS_MIN = 30
"""With fewer listeners the gate never rejects: the interval is too wide."""
BLOCK_SCORES = 1 << 24
"""Scores in memory at a time: 64 MiB."""


class HoldOut(NamedTuple):
    """n listeners as they were before they played their held-out item."""

    histories: Histories
    """Their histories up to the held-out items, none of them empty."""
    plays_before: Counts
    """The number of the play before the held-out one, shape (n,)."""
    item_keys: Keys
    """The keys of the held-out items, shape (n,)."""
    known_starts: Starts
    """Where the known items of every listener begin, shape (n + 1,)."""
    known_keys: Keys
    """The keys of all items that the listeners know by now, later ones too, without the held-out ones."""

    @property
    def latest_s(self) -> Counts:
        """Return the latest event time of each history, shape (n,)."""
        latest_s: Counts = np.maximum.reduceat(self.histories.last_played_s, self.histories.starts[:-1])
        return latest_s


class ScoredModel(NamedTuple):
    """The part of a generation, or of a candidate, that the gate needs."""

    sorted_keys: Keys
    """Item keys, ascending."""
    key_rows: Rows
    """The row of each key."""
    item_factors: Floats
    gram_diagonal: Floats
    objective: Objective

    @classmethod
    def of_training(cls, training_set: TrainingSet, trained: TrainedFactors) -> Self:
        """Return the model of a candidate."""
        rows = np.arange(training_set.n_items, dtype=np.int32)
        return cls(training_set.item_keys, rows, trained.item_factors, trained.gram_diagonal, trained.record.objective)

    @classmethod
    def of_generation(cls, generation: Generation) -> Self:
        """Return the model of a generation."""
        order = generation.key_order
        factors = generation.item_factors, generation.gram_diagonal
        return cls(generation.item_keys[order], order, *factors, generation.manifest.objective)

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the rows of items, -1 for an unknown one."""
        places = np.minimum(np.searchsorted(self.sorted_keys, item_keys), len(self.sorted_keys) - 1)
        return np.where(self.sorted_keys[places] == item_keys, self.key_rows[places], -1).astype(np.int32)


def hold_out_of(training_set: TrainingSet) -> HoldOut:
    """Return the listeners with a held-out item: at most `LISTENERS_MAX`, those with the smallest hashes."""
    users = np.flatnonzero(training_set.held_out >= 0)
    users = np.sort(users[np.argsort(training_set.hashes[users], kind="stable")[:LISTENERS_MAX]])
    held_out, old = training_set.held_out[users], training_set.histories
    starts, entries, *columns = part_of(users, old.starts, np.arange(len(old.item_keys)), *old[1:])
    held = np.repeat(held_out, lengths_of(starts))
    histories = Histories(*entries_where(entries < held, starts, *columns))
    touched = old.touched_at_play.astype(np.int64)  # uint32 wraps: 0 - 1 of a listener without a play
    before = np.maximum(touched[held_out] - 1, touched[held_out - 1]).astype(np.uint32)
    return HoldOut(histories, before, old.item_keys[held_out], *entries_where(entries != held, starts, columns[0]))


class Ranks(NamedTuple):
    """The ranks of the held-out items under one model."""

    ranks: Starts
    """1-based, `MISS` for an item that the model does not know."""
    n_items: int
    """Items that the model knows."""

    @property
    def hits(self) -> Floats:
        """Return 1 for each held-out item among the first `K`, 0 for the others."""
        hits: Floats = ((self.ranks > 0) & (self.ranks <= K)).astype(np.float32)
        return hits

    @property
    def quality(self) -> Quality:
        """Return hit rate and mean reciprocal rank with their intervals."""
        return Quality(
            n_events=len(self.ranks),
            hit_at_20=Estimate(*hit_rate(self.ranks, K, self.n_items)),
            mrr_at_20=Estimate(*mean_reciprocal_rank(self.ranks, K, self.n_items)),
        )


def rank(model: ScoredModel, hold_out: HoldOut, weight_max: float = np.inf) -> Ranks:
    """Rank each held-out item among all items that its listener does not know.

    A listener is folded in from their plays before the held-out one, with recency as of that moment.
    An item that the model does not know is a miss.

    Args:
        model: The model that ranks.
        hold_out: The listeners.
        weight_max: Most that a listener's signals of one item are worth together.

    Raises:
        QualityError: A score is not finite.
    """
    half_lives = model.objective.half_lives
    items = item_weights(hold_out.histories, half_lives, weight_max)
    weights = items.present(hold_out.plays_before, hold_out.latest_s, half_lives).weights
    rows, known = model.rows_of(items.item_keys), model.rows_of(hold_out.known_keys)
    users = np.zeros((len(hold_out.item_keys), model.objective.factors), np.float32)
    fixed = FixedItems(model.item_factors, model.gram_diagonal)
    fold_in(WeightedRows(items.starts, rows, weights), fixed, model.objective, users)
    held_out_rows, ranks = model.rows_of(hold_out.item_keys), [np.zeros(0, np.int64)]
    n_block = max(1, BLOCK_SCORES // len(model.sorted_keys))
    for low in range(0, len(users), n_block):
        block = slice(low, low + n_block)
        starts = hold_out.known_starts[low : low + n_block + 1]
        part = known[starts[0] : starts[-1]]
        ranks.append(ranks_of(users[block] @ model.item_factors.T, starts - starts[0], part, held_out_rows[block]))
    return Ranks(np.concatenate(ranks), len(model.sorted_keys))


def is_undecided(verdict: Gate) -> bool:
    """Return whether a candidate was accepted with too few listeners to reject it, beside a generation in service."""
    n = verdict.candidate.n_events if verdict.candidate is not None else 0
    return verdict.against is not None and n < LISTENERS_MIN


def with_excluded(verdict: Gate, n_excluded: int) -> Gate:
    """Return an undecided verdict whose reason also has the number of gate listeners with full histories."""
    if not n_excluded or not is_undecided(verdict):
        return verdict
    reason = (
        f"{verdict.reason} Nothing is held out of the full histories of {n_excluded:,} gate listeners: "
        "raise PLAYFOLD_HISTORY_MAX or PLAYFOLD_GATE_SHARE."
    )
    return msgspec.structs.replace(verdict, reason=reason)


def judge(
    candidate: Ranks, serving: Ranks | None, against: str | None, rng: np.random.Generator, *, forced: bool
) -> Gate:
    """Reject a candidate if its hit@20 is worse than that of the generation in service, otherwise accept it.

    It is worse if the whole 95 % interval of the paired difference is below zero.

    Args:
        candidate: The candidate's ranks.
        serving: The ranks of the generation in service, None if there is none or it cannot be opened.
        against: The id of the generation in service.
        rng: The random generator of the bootstrap.
        forced: An operator publishes a worse candidate too.
    """
    n = len(candidate.ranks)
    if not n or serving is None:
        return _accept_unopposed(candidate, against)
    difference = paired_bootstrap(candidate.hits, serving.hits, rng)
    worse = difference.high < 0 and n >= LISTENERS_MIN
    quality = candidate.quality
    return Gate(
        against=against,
        candidate=quality,
        serving=serving.quality,
        difference=Estimate(*difference),
        accepted=not worse,
        forced=worse and forced,
        reason=_reason(quality.hit_at_20.value, difference, against, n, worse=worse, forced=forced),
    )


def _accept_unopposed(candidate: Ranks, against: str | None) -> Gate:
    """Accept a candidate that cannot be compared."""
    if not len(candidate.ranks):
        reason = "No listener's latest item was held out, so nothing is judged."
    elif against is None:
        reason = "No generation is in service to compare it with."
    else:
        reason = f"Generation {against} cannot be opened, so there is nothing to compare it with."
    quality = candidate.quality if len(candidate.ranks) else None
    return Gate(against=against, candidate=quality, serving=None, difference=None, accepted=True, reason=reason)


def _reason(hit_at_20: float, difference: Interval, against: str | None, n: int, *, worse: bool, forced: bool) -> str:
    """Return the verdict as a sentence."""
    direction = "below" if difference.value < 0 else "above"
    comparison = f"hit@20 is {hit_at_20:.3f}, {abs(difference.value):.3f} {direction} generation {against}"
    interval = f"between {difference.low:+.3f} and {difference.high:+.3f} with 95 % confidence"
    if worse:
        return f"{comparison}, {interval}: {'published by force' if forced else 'not published'}."
    if n < LISTENERS_MIN:
        return f"{comparison}; {n} listeners are too few to judge by."
    return f"{comparison}, {interval}."
