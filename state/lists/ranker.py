"""The ranking of lists: exactly, or from the index and then scored exactly."""

import logging
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Rows, Starts
from model.best_of import best_of
from model.ragged import RaggedRows, ragged_rows
from model.ranking import padding, top_n
from state.catalog.item_catalog import ItemCatalog
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.generations.item_index import ItemIndex
from state.lists.exclusion_counts import ExclusionCounts
from state.lists.index_recall import AT, RecallWindow, recall_of
from streams.settings.lists import RankingSettings

log = logging.getLogger(__name__)

Ranking = Literal["exact", "annoy"]
AUTO_ITEMS_MIN = 4_000_000
AUTO_ITEMS_PER_USER = 2_000_000
"""`auto` takes the index in a catalog of at least so many items, and of so many items per user of a batch. Exact
ranking reads the bytes of the items once per batch, while the index is searched once per user: in 5 ms at 1,000,000
items. Milliseconds per user of exact ranking, 64 factors, by the size of the batch, for items with norms as trainings
give them, and for items of equal norms, none of which a bound of norms excludes:

                 1 user   2 users   4 users   8 users   32 users
500,000 items      0.22      0.17      0.08      0.08       0.08
1,000,000 items    0.38      0.30      0.16      0.15       0.13
2,000,000 items    0.95      0.65      0.32      0.29       0.22
the same, equal    5.72      3.45      1.53      1.21       0.94
"""
LISTED_SHARE_MIN = 0.5
"""With a smaller share of available items, searching the index takes longer than ranking exactly."""
FOUND_SHARE_MIN = 0.5
"""Least share of the expected listed items among those of the index; with fewer, they lie far from the query."""
ROUNDING = np.float32(1.0001)
"""A computed score may exceed its bound by this factor."""


def ranking_for(mode: Literal["auto", "exact", "annoy"], n_items: int, n_users: int) -> Ranking:
    """Return the ranking of a batch, given an index that can be trusted.

    Args:
        mode: The method in the settings.
        n_items: Items in the catalog.
        n_users: Users in the batch.
    """
    if mode != "auto":
        return mode
    return "annoy" if n_items >= max(AUTO_ITEMS_MIN, n_users * AUTO_ITEMS_PER_USER) else "exact"


def probed(n_before: int, n: int, share: float) -> NDArray[np.bool_]:
    """Tell which of `n` lists after `n_before` others are probed: evenly spaced ones, not drawn by chance."""
    counts = np.floor(np.arange(n_before, n_before + n + 1, dtype=np.float64) * share)
    is_probed: NDArray[np.bool_] = np.diff(counts) > 0
    return is_probed


class Ranker:
    """Ranks batches of users, and compares lists from the index with exact ones.

    If the recall of the index is too low, all lists are ranked exactly until another revision or generation is served.
    One thread at a time uses it; others may read the counts.

    Attributes:
        n_lists: Lists ranked so far, by ranking.
        n_probes: Lists from the index that were ranked exactly as well.
        n_fallbacks: Revisions whose index had too low a recall.
        left_out: Items left out of lists, by reason; the list builder fills it.
        catalog: Says which items are available.
    """

    def __init__(self, ranking: RankingSettings, catalog: ItemCatalog | None = None) -> None:
        """Rank by the settings' method, the items available by `catalog`; all items if left out."""
        self.left_out = ExclusionCounts()
        self.catalog = ItemCatalog() if catalog is None else catalog
        self.n_lists: dict[Ranking, int] = {"exact": 0, "annoy": 0}
        self.n_probes = 0
        self.n_fallbacks = 0
        self._mode, self._share, self._floor = (
            ranking.method,
            ranking.probe_share,
            ranking.recall_floor,
        )
        self._window, self._trusted = RecallWindow(), True

    def generation_swapped(self, generation: Generation) -> None:  # noqa: ARG002  the signature of observers
        """Trust the index of another generation."""
        self._window, self._trusted = RecallWindow(), True

    def revision_swapped(self, generation: Generation) -> None:
        """Trust the index of another revision."""
        self.generation_swapped(generation)

    @property
    def recall(self) -> float | None:
        """Return the index's recall over the last probes of the present revision, None before the first one."""
        return self._window.mean

    def top_n(
        self,
        generation: Generation,
        queries: Floats,
        known: RaggedRows,
        n: int,
        unlisted: Unlisted | None = None,
        lengths: Starts | None = None,
    ) -> tuple[Rows, Floats]:
        """Return the best n items of every user, as `model.ranking.top_n` does, without known and unlisted ones.

        Without `unlisted`, all items are available but withdrawn ones. With `lengths`, each user has a list of their
        own length, at most n.
        """
        unlisted = unlisted or Unlisted.of(generation)
        index = self._index_for(generation, len(queries), unlisted)
        self.n_lists["exact" if index is None else "annoy"] += len(queries)
        if index is None:
            return exact(generation, queries, known, n, unlisted, lengths)
        rows, scores = padding(len(queries), n)
        lengths = np.full(len(queries), n) if lengths is None else lengths
        for length in set(lengths.tolist()):
            users = (lengths == length).nonzero()[0]
            best = from_index(generation, index, queries[users], known.part(users), length, unlisted)
            rows[users, :length], scores[users, :length] = best
        self._probe(generation, queries, known, rows, unlisted)
        return rows, scores

    def _index_for(self, generation: Generation, n_users: int, unlisted: Unlisted) -> ItemIndex | None:
        """Return the index to rank a batch from, None for exact ranking."""
        revision = generation.revision
        if revision.index is None or not self._trusted or listed_share(unlisted) < LISTED_SHARE_MIN:
            return None
        ranking = ranking_for(self._mode, len(generation.item_factors), n_users)
        return revision.index if ranking == "annoy" else None

    def _probe(
        self, generation: Generation, queries: Floats, known: RaggedRows, rows: Rows, unlisted: Unlisted
    ) -> None:
        """Rank some of the lists exactly as well, and stop trusting an index with too low a recall."""
        n_before = self.n_lists["annoy"] - len(queries)
        users = np.flatnonzero(probed(n_before, len(queries), self._share))
        if not len(users):
            return
        best, _ = exact(generation, queries[users], known.part(users), AT, unlisted)
        self.n_probes += len(users)
        self._window.add(recall_of(rows[users], best))
        if self._window.is_below(self._floor):
            self._trusted = False
            self.n_fallbacks += 1
            log.warning("index_recall_low", extra=self._fields(generation))

    def _fields(self, generation: Generation) -> dict[str, object]:
        return {
            "generation": generation.id,
            "revision": generation.revision.number,
            "recall": round(self._window.mean or 0.0, 4),
            "floor": self._floor,
            "probes": self._window.n,
            "reason": "Lists are ranked exactly until another revision or generation is served.",
        }


def exact(
    generation: Generation,
    queries: Floats,
    known: RaggedRows,
    n: int,
    unlisted: Unlisted | None = None,
    lengths: Starts | None = None,
) -> tuple[Rows, Floats]:
    """Return the best n items of every user exactly, without known and unlisted ones."""
    rows = generation.revision.withdrawn_rows if unlisted is None else unlisted.rows
    return top_n(queries, generation.fixed_items, known, n, withdrawn_rows=rows, lengths=lengths)


def listed_share(unlisted: Unlisted) -> float:
    """Return the share of available items; an index holds all items but those withdrawn with it."""
    return 1 - len(unlisted.unavailable_rows) / max(1, len(unlisted.mask))


def from_index(
    generation: Generation,
    index: ItemIndex,
    queries: Floats,
    known: RaggedRows,
    n: int,
    unlisted: Unlisted | None = None,
) -> tuple[Rows, Floats]:
    """Return about the best n items of every user, with exact scores, without known and unlisted ones.

    The longest items, which the index does not hold, are ranked exactly. A user is done when the worst listed score is
    above the Cauchy-Schwarz bound of every shorter item. For the others the index names further candidates. It does not
    know which items are unavailable: the more of them there are, the more candidates it is asked for. If it names too
    few for a user, that user is ranked exactly.
    """
    unlisted = unlisted or Unlisted.of(generation)
    items, n_long = generation.fixed_items, index.n_long
    withdrawn = unlisted.rows[unlisted.rows < n_long]
    rows, scores = top_n(queries, items.first(n_long), known, n, withdrawn_rows=withdrawn)
    bounds = np.linalg.norm(queries, axis=1) * items.norms[n_long] * ROUNDING
    users, candidates, missed = [], [], []
    for u in np.flatnonzero(scores[:, -1] < bounds):
        own = known.rows[known.starts[u] : known.starts[u + 1]]
        further = _candidates(index, queries[u], own, n, unlisted)
        if further is None:
            missed.append(u)
        else:
            users.append(u)
            candidates.append(np.concatenate([rows[u], further]))
    if users:
        rows[users], scores[users] = best_of(queries[users], items.factors, ragged_rows(candidates), n)
    if missed:
        rows[missed], scores[missed] = exact(generation, queries[missed], known.part(np.array(missed)), n, unlisted)
    return rows, scores


def _candidates(index: ItemIndex, query: Floats, known: Rows, n: int, unlisted: Unlisted) -> Rows | None:
    """Return listed items of the index that a user does not know; None if too few of those near them are available."""
    share = listed_share(unlisted)
    near = index.find(query, n + len(known), share)
    listed = near[~unlisted.mask[near]]
    if len(listed) < FOUND_SHARE_MIN * share * len(near):
        return None
    return listed[~np.isin(listed, known)]
