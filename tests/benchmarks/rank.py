"""Ranking a whole catalog: exactly, and from an Annoy index with exact scores, at 10,000 to 1,000,000 items.

Items of 64 factors lie in 2,000 clusters of taste, with lengths spread as popularity spreads them. Users are folded in
from 30 items of three tastes, and get the 50 best items that they do not know. A row of a name alone ranks batches on
two threads; one with `_single` ranks one user at a time on one thread. Recall is that of the first ten: of exact lists
against a plain sort of all scores, of lists from the index against exact ones. An index has 50 trees, the default.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.arrays import Floats, Rows
from model.fold_in import fold_in
from model.objective import Objective
from model.ragged import RaggedRows, WeightedRows
from model.ranking import top_n, top_n_plain
from state.generations.generation import Generation, open_generation, write_generation
from state.generations.revision import write_revision
from state.lists.index_recall import recall_of
from state.lists.ranker import from_index
from streams.settings import Settings
from tests.support.generations import manifest_of, numbered

OBJECTIVE = Objective(factors=64)
TASTES, N_KNOWN, N = 2000, 30, 50
SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
N_USERS = {"10k": 20_000, "100k": 6_000, "1m": 1_500}
INDEXED = ("100k", "1m")
N_SINGLE, N_CHECKED, N_WARM_UP = 300, 20, 4

Lists = tuple[Rows, Floats]


class Users(NamedTuple):
    """The users to rank for."""

    queries: Floats
    known: RaggedRows

    def part(self, low: int, high: int) -> "Users":
        """Return some of them."""
        return Users(self.queries[low:high], self.known.part(np.arange(low, high)))


def catalog(n_items: int, folder: Path, *, indexed: bool) -> Generation:
    """Write a made-up generation, with an index if wanted, and open it."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((TASTES, OBJECTIVE.factors))
    lengths = rng.gamma(2.0, 0.2, (n_items, 1)) / 8
    directions = centres[np.arange(n_items) % TASTES] + 0.7 * rng.standard_normal((n_items, OBJECTIVE.factors))
    factors: Floats = (directions * lengths).astype(np.float32)
    manifest = manifest_of("made-up", OBJECTIVE, n_items)
    write_generation(folder / manifest.generation_id, manifest, numbered(factors, OBJECTIVE))
    generation = open_generation(folder / manifest.generation_id)
    if indexed:
        write_revision(generation, folder / manifest.generation_id, 0, [], Settings().generations.index_trees)
        generation = open_generation(folder / manifest.generation_id)
    return generation


def listeners(generation: Generation, n_users: int) -> Users:
    """Fold made-up users in: each plays items of three tastes."""
    rng = np.random.default_rng(1)
    numbers = np.array([int(item_id[1:]) for item_id in generation.item_ids])
    by_taste = np.argsort(numbers % TASTES, kind="stable")
    bounds = np.searchsorted((numbers % TASTES)[by_taste], np.arange(TASTES + 1))
    tastes = np.take_along_axis(rng.integers(0, TASTES, (n_users, 3)), rng.integers(0, 3, (n_users, N_KNOWN)), 1)
    low, high = bounds[tastes], bounds[tastes + 1]
    rows = by_taste[low + (rng.random(low.shape) * (high - low)).astype(np.int64)].astype(np.int32).ravel()
    starts = np.arange(n_users + 1) * N_KNOWN
    x = np.zeros((n_users, OBJECTIVE.factors), np.float32)
    fold_in(WeightedRows(starts, rows, np.ones(len(rows), np.float32)), generation.fixed_items, OBJECTIVE, x)
    return Users(x, RaggedRows(starts, rows))


def singly(rank: Callable[[Users], Lists], users: Users) -> float:
    """Return users/s, one at a time."""
    parts = [users.part(u, u + 1) for u in range(N_SINGLE)]
    for part in parts[:N_WARM_UP]:
        rank(part)
    began = time.perf_counter()
    for part in parts:
        rank(part)
    return len(parts) / (time.perf_counter() - began)


def timed(rank: Callable[[Users], Lists], users: Users) -> tuple[float, Lists]:
    """Return users/s of a whole batch, and its lists."""
    rank(users.part(0, N_WARM_UP))
    began = time.perf_counter()
    lists = rank(users)
    return len(users.queries) / (time.perf_counter() - began), lists


def exact_rows(name: str, generation: Generation, users: Users) -> Iterator[Row]:
    """Measure exact ranking."""
    items = generation.fixed_items
    speed, (rows, _) = timed(lambda batch: top_n(batch.queries, items, batch.known, N, threads=2), users)
    batch = users.part(0, N_CHECKED)
    plain, _ = top_n_plain(batch.queries, generation.item_factors, batch.known, N)
    recall = float(recall_of(rows[:N_CHECKED], plain).mean())
    yield Row(f"exact_{name}", speed, "users/s", recall_at_10=recall, users=len(users.queries))
    speed = singly(lambda one: top_n(one.queries, items, one.known, N), users)
    yield Row(f"exact_{name}_single", speed, "users/s", recall_at_10=recall, users=N_SINGLE)


def annoy_rows(name: str, generation: Generation, users: Users, exact: dict[str, float]) -> Iterator[Row]:
    """Measure ranking from the index; `against` is exact ranking."""
    index = generation.revision.index
    if index is None:
        message = f"The catalog of {name} items has no index."
        raise RuntimeError(message)
    users = users.part(0, min(len(users.queries), N_USERS["1m"]))

    def rank(batch: Users) -> Lists:
        return from_index(generation, index, *batch, N)

    def share(batch: Users) -> Lists:
        half = len(batch.queries) // 2
        with ThreadPoolExecutor(2) as pool:
            halves = list(pool.map(rank, (batch.part(0, half), batch.part(half, len(batch.queries)))))
        return np.concatenate([rows for rows, _ in halves]), np.concatenate([scores for _, scores in halves])

    speed, (rows, _) = timed(share, users)
    best, _ = top_n(users.queries, generation.fixed_items, users.known, N, threads=2)
    recall = float(recall_of(rows, best).mean())
    for row, seconds in ((f"annoy_{name}", speed), (f"annoy_{name}_single", singly(rank, users))):
        other = exact[row.replace("annoy", "exact")]
        yield Row(row, seconds, "users/s", other, seconds / other, recall_at_10=recall)


def rows() -> Iterator[Row]:
    """Measure every size."""
    for name, n_items in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="playfold-rank-") as folder:
            generation = catalog(n_items, Path(folder), indexed=name in INDEXED)
            users = listeners(generation, N_USERS[name])
            exact = {}
            for row in exact_rows(name, generation, users):
                exact[str(row.fields["name"])] = float(str(row.fields["value"]))
                yield row
            if name in INDEXED:
                yield from annoy_rows(name, generation, users, exact)


if __name__ == "__main__":
    report(rows())
