"""Batches of users, a generation with an index, and exact lists to compare with."""

from typing import Any, NamedTuple

import numpy as np

from model.arrays import Floats, Rows
from model.ragged import RaggedRows
from model.ranking import top_n_plain
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.generations.item_index import ItemIndex
from streams.settings import Settings
from tests.support.ranks import ItemScores, scores_of_vectors
from tests.support.settings import settings_with

N_ITEMS, FACTORS, TREES, N = 5000, 8, 5, 20
WITHDRAWN = [f"i{number}" for number in range(0, N_ITEMS, 5)]


class Batch(NamedTuple):
    """Users to rank for."""

    queries: Floats
    known: RaggedRows


def listeners(n: int, n_known: int = 30) -> Batch:
    """Return users and the items they know, such that the generation does not know (-1) among them."""
    rng = np.random.default_rng(2)
    queries = rng.standard_normal((n, FACTORS)).astype(np.float32)
    known = rng.integers(-1, N_ITEMS, n * n_known).astype(np.int32)
    return Batch(queries, RaggedRows(np.arange(n + 1) * n_known, known))


def fans(generation: Generation, n: int, n_known: int) -> Batch:
    """Return users whose known items are exactly their best ones."""
    queries = listeners(n).queries
    known = np.argsort(-queries @ generation.item_factors.T, axis=1)[:, :n_known]
    return Batch(queries, RaggedRows(np.arange(n + 1) * n_known, known.astype(np.int32).ravel()))


def index_of(generation: Generation) -> ItemIndex:
    """Return a generation's index, which is there."""
    assert generation.revision.index is not None
    return generation.revision.index


def exact_scores(generation: Generation, batch: Batch, unlisted: Unlisted | None = None) -> ItemScores:
    """Score all items; withdrawn and known ones, and unlisted ones, may not be listed."""
    scores = scores_of_vectors(batch.queries, generation.item_factors, batch.known, relative_error=0)
    return scores.without_items(unlisted.rows if unlisted else generation.revision.withdrawn_rows)


def exact_lists(generation: Generation, batch: Batch, unlisted: Unlisted | None = None) -> Rows:
    """Rank by sorting all scores."""
    withdrawn_rows = unlisted.rows if unlisted else generation.revision.withdrawn_rows
    return top_n_plain(batch.queries, generation.item_factors, batch.known, N, withdrawn_rows=withdrawn_rows)[0]


def settings_of(rank: Any = "annoy", probe_share: float = 0.0) -> Settings:
    """Return settings."""
    return settings_with(rank=rank, probe_share=probe_share)
