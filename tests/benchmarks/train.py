"""Training beside implicit and irspack: the same matrix, the same length of vectors, the same threads.

200,000 users play 50,000 items by a power law and by taste, about 12 million pairs. Each engine sweeps five times by
conjugate gradients of three steps a row. implicit minimises the same loss as our rule `hkv`, so the losses can be
compared; irspack minimises that of `ials` but for a regularization that is
the same for every row. For both, the quality is the share of 20,000 held-out
items that stand among the first 20 of their users' lists, each engine's own vectors ranked by the same code.

The value is the median iteration of ours in seconds, the ratio that over the other's. Ours ends with an exact
half-sweep beyond the iterations, `exact_s`, which makes its user vectors equal to a worker's fold-in.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

import time
from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
from implicit.als import AlternatingLeastSquares
from irspack.recommenders.ials import IALSRecommender
from scipy.sparse import csr_array, csr_matrix

from model.arrays import Floats, Rows
from model.diagonal_basis import gram
from model.objective import Objective
from model.ragged import RaggedRows
from model.ranking import BoundedItems, top_n
from model.training import LocalEngine, Matrix, Progress, train

N_USERS, N_ITEMS, N_PLAYS, TASTES, F = 200_000, 50_000, 16_000_000, 100, 64
N_HELD_OUT, K, ITERATIONS, STEPS = 20_000, 20, 5, 3
HKV = Objective("hkv", factors=F, regularization=5.0, alpha=1.0, iterations=ITERATIONS)
IRSPACK_REGULARIZATION = 1.0  # the same for every row, about what ours is for a row of 50 plays
IALS = Objective("ials", factors=F, regularization=0.02, unobserved_weight=0.1, iterations=ITERATIONS)


class Data(NamedTuple):
    """The training set, and the held-out items."""

    matrix: Matrix
    held_out: Rows
    """An item of each of the first users."""

    @property
    def weights(self) -> csr_matrix:
        """Return the same as SciPy has it."""
        return csr_matrix((self.matrix.weights, self.matrix.rows, self.matrix.starts), (N_USERS, N_ITEMS))


class Run(NamedTuple):
    """The result of an engine."""

    seconds: float
    """The median iteration."""
    users: Floats
    items: Floats
    exact_s: float = 0.0


def draw(rng: np.random.Generator) -> Data:
    """Draw plays, a good half of them of the user's taste; repeats of a pair count."""
    chance = 1.0 / np.arange(10, N_ITEMS + 10) ** 0.8
    bounds = np.cumsum(chance / chance.sum())
    items = np.searchsorted(bounds, rng.random(N_PLAYS)).astype(np.int64)
    users = np.sort((rng.beta(1.2, 3, N_PLAYS) * N_USERS).astype(np.int64))
    of_taste = rng.random(N_PLAYS) < 0.6
    items[of_taste] = np.minimum(items[of_taste] // TASTES * TASTES + users[of_taste] % TASTES, N_ITEMS - 1)
    counts = csr_array((np.ones(N_PLAYS, np.float32), (users, items)), (N_USERS, N_ITEMS)).tocsr()
    counts.sum_duplicates()
    starts = counts.indptr.astype(np.int64)
    # One item of each of the first users is hidden: its weight is zero for every engine.
    lengths = np.diff(starts)[:N_HELD_OUT]
    entries = starts[:N_HELD_OUT] + (rng.random(N_HELD_OUT) * lengths).astype(np.int64)
    entries = entries[lengths > 1]
    held_out = np.full(N_HELD_OUT, -1, np.int32)
    held_out[lengths > 1] = counts.indices[entries]
    trained = np.ones(len(counts.data), np.bool_)
    trained[entries] = False
    starts = np.concatenate(([0], np.cumsum(trained)))[starts]
    return Data(Matrix(starts, counts.indices[trained].astype(np.int32), counts.data[trained]), held_out)


def ours(data: Data, objective: Objective, threads: int) -> Run:
    """Train with our kernel."""
    ends = [time.perf_counter()]

    def note(at: Progress) -> None:
        if at.side == "items":
            ends.append(time.perf_counter())

    factors = train(data.matrix, N_ITEMS, objective, np.random.default_rng(0), note, LocalEngine(threads))
    exact_s = time.perf_counter() - ends[-1]
    return Run(float(np.median(np.diff(ends))), factors.user_factors, factors.item_factors, exact_s)


def implicits(data: Data, threads: int) -> Run:
    """Train with implicit; it takes `1 + alpha * weight` for a confidence."""
    seconds: list[float] = []
    library = AlternatingLeastSquares(
        F, regularization=HKV.regularization, alpha=1.0, iterations=ITERATIONS, num_threads=threads, random_state=0
    )
    confidences = data.weights
    confidences.data = 1 + HKV.alpha * confidences.data
    library.fit(confidences, show_progress=False, callback=lambda _, elapsed, *__: seconds.append(elapsed))
    return Run(float(np.median(seconds)), library.user_factors, library.item_factors)


def irspacks(data: Data, threads: int) -> Run:
    """Train with irspack."""
    weights = data.weights
    weights.data = IALS.confidences(weights.data)
    library = IALSRecommender(
        weights.astype(np.float64),
        n_components=F,
        alpha0=IALS.unobserved_weight,
        reg=IRSPACK_REGULARIZATION,
        nu=0.0,
        solver_type="CG",
        max_cg_steps=STEPS,
        n_threads=threads,
        random_seed=0,
        nu_star=None,
    )
    library.start_learning()
    seconds = []
    for _ in range(ITERATIONS):
        began = time.perf_counter()
        library.run_epoch()
        seconds.append(time.perf_counter() - began)
    return Run(float(np.median(seconds)), library.get_user_embedding(), library.get_item_embedding())


def loss(data: Data, run: Run) -> float:
    """Return the loss of Hu, Koren and Volinsky; the part of all pairs comes from the two grams."""
    matrix = data.matrix
    users = np.repeat(np.arange(N_USERS), np.diff(matrix.starts))
    total = float((gram(run.users) * gram(run.items)).sum())
    for low in range(0, len(users), 1_000_000):
        part = slice(low, low + 1_000_000)
        scores = np.einsum("ij,ij->i", run.users[users[part]], run.items[matrix.rows[part]], dtype=np.float64)
        confidences = 1 + HKV.alpha * matrix.weights[part].astype(np.float64)
        total += float((confidences * (1 - scores) ** 2 - scores**2).sum())
    squares = sum(float((side.astype(np.float64) ** 2).sum()) for side in (run.users, run.items))
    return total + HKV.regularization * squares


def recall(data: Data, run: Run) -> float:
    """Return how many held-out items stand among the first."""
    items = np.asarray(run.items, np.float32)
    norms = np.linalg.norm(items, axis=1)
    order = np.argsort(-norms, kind="stable")
    place = np.empty(N_ITEMS, np.int32)
    place[order] = np.arange(N_ITEMS, dtype=np.int32)
    starts = data.matrix.starts[: N_HELD_OUT + 1]
    known = RaggedRows(starts, place[data.matrix.rows[: starts[-1]]])
    queries = np.ascontiguousarray(run.users[:N_HELD_OUT], np.float32)
    rows, _ = top_n(queries, BoundedItems(items[order], norms[order]), known, K)
    has_target = data.held_out >= 0
    share: float = (rows == place[data.held_out][:, None])[has_target].any(axis=1).mean()
    return float(share)


def rows() -> Iterator[Row]:
    """Measure every engine."""
    numba.set_num_threads(2)
    data = draw(np.random.default_rng(0))
    small = Matrix(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32))
    for threads in (1, 2):  # compiled, or loaded, before the clock runs
        train(
            small, 1, Objective("hkv", factors=F, iterations=1), np.random.default_rng(0), engine=LocalEngine(threads)
        )
    for threads, name in ((2, "train"), (1, "train_1_thread")):
        one, other = ours(data, HKV, threads), implicits(data, threads)
        yield Row(
            name,
            one.seconds,
            "s/iteration",
            other.seconds,
            one.seconds / other.seconds,
            pairs=len(data.matrix.rows),
            loss_against=loss(data, one) / loss(data, other),
            recall_at_20=recall(data, one),
            recall_at_20_against=recall(data, other),
            exact_s=one.exact_s,
        )
    one, other = ours(data, IALS, 2), irspacks(data, 2)
    quality = {"recall_at_20": recall(data, one), "recall_at_20_against": recall(data, other)}
    yield Row("train_irspack", one.seconds, "s/iteration", other.seconds, one.seconds / other.seconds, **quality)


if __name__ == "__main__":
    report(rows())
