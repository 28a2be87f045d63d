"""Folding users in against implicit's `recalculate_user`, on one thread, the same problem for both.

Both solve the rule of Hu, Koren and Volinsky against the same trained item factors, in batches of 1,000 users with 30
or 100 played items each. The value is our cold start, as `recalculate_user` starts cold too; `warm` starts, as a
worker does, from the vectors before the last play. The error is against a dense solve in double precision.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

import time
from collections.abc import Callable, Iterator

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from model.arrays import Doubles, Floats, Rows, Starts
from model.equations import equations_of
from model.fold_in import fold_in
from model.objective import Objective
from model.ragged import WeightedRows
from model.solver import solve_rows_plain
from model.training import Factors, Matrix, train

N_ITEMS, N_TRAINED, N_BATCH, TASTES = 10_000, 10_000, 1_000, 50
OBJECTIVE = Objective("hkv", factors=64, regularization=1.0, iterations=5)
ROUNDS = 7


Users = tuple[Starts, Rows, Floats]


def draw(n_users: int, n_row: int, rng: np.random.Generator) -> Users:
    """Draw users of one taste each, with plays of popular items (Zipf) or of their taste; counts decay over 5 plays."""
    popularity = 1.0 / np.arange(20, N_ITEMS + 20)
    taste_popularity = np.where(np.arange(N_ITEMS) % TASTES == np.arange(TASTES)[:, None], 20.0, 1.0) * popularity
    chance = np.log(taste_popularity / taste_popularity.sum(1, keepdims=True))
    rows = np.empty((n_users, n_row), np.int32)
    for u in range(n_users):
        luck = chance[u % TASTES] + rng.gumbel(size=N_ITEMS)
        rows[u] = np.argpartition(luck, -n_row)[-n_row:]
    weights = rng.integers(1, 4, rows.shape) * 0.5 ** (np.arange(n_row)[::-1] / OBJECTIVE.half_life_plays)
    return np.arange(n_users + 1) * n_row, rows.ravel(), weights.astype(np.float32).ravel()


def trained(rng: np.random.Generator) -> Factors:
    """Train item factors on users of the same kind."""
    starts, rows, _ = draw(N_TRAINED, 40, rng)
    return train(Matrix(starts, rows, np.ones(len(rows), np.float32)), N_ITEMS, OBJECTIVE, rng)


def best_of_rounds(*runs: Callable[[], object]) -> list[float]:
    """Return the shortest time of each run in seconds, taken in turns so that a noisy moment hits them all."""
    seconds = [np.inf] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            started = time.perf_counter()
            run()
            seconds[i] = min(seconds[i], time.perf_counter() - started)
    return seconds


def worst_error(expected: Doubles, x: Floats) -> float:
    """Return the largest error of a vector relative to its length."""
    return float((np.linalg.norm(x - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())


def library(factors: Factors) -> AlternatingLeastSquares:
    """Return implicit's model with our item factors; it takes `1 + alpha * weight` for a confidence."""
    oracle = AlternatingLeastSquares(
        OBJECTIVE.factors, regularization=OBJECTIVE.regularization, alpha=1.0, num_threads=1
    )
    oracle.item_factors = factors.item_factors
    return oracle


def exact(users: Users, factors: Factors) -> Doubles:
    """Solve the users' vectors densely."""
    return solve_rows_plain(equations_of(WeightedRows(*users), OBJECTIVE), factors.items)


def measure(n_row: int, factors: Factors, rng: np.random.Generator) -> Row:
    """Measure batches of users with `n_row` played items each."""
    starts, rows, weights = users = draw(N_BATCH, n_row, rng)
    zeros = np.zeros((N_BATCH, OBJECTIVE.factors), np.float32)

    def fold(known: Rows, start: Floats) -> Floats:
        return fold_in(WeightedRows(starts, known, weights), factors.items, OBJECTIVE, start.copy())

    before = rows.copy()
    before[starts[1:] - 1] = -1
    warm_start = fold(before, zeros)
    oracle, everybody = library(factors), np.arange(N_BATCH)
    confidences = csr_matrix((1 + OBJECTIVE.alpha * weights, rows, starts), (N_BATCH, N_ITEMS))
    cold, warm, theirs = best_of_rounds(
        lambda: fold(rows, zeros),
        lambda: fold(rows, warm_start),
        lambda: oracle.recalculate_user(everybody, confidences),
    )
    expected = exact(users, factors)
    return Row(
        f"fold_in_{n_row}",
        N_BATCH / cold,
        "users/s",
        against=N_BATCH / theirs,
        ratio=theirs / cold,
        max_relative_error=max(worst_error(expected, fold(rows, start)) for start in (zeros, warm_start)),
        implicit_max_relative_error=worst_error(expected, oracle.recalculate_user(everybody, confidences)),
        warm=N_BATCH / warm,
        warm_ratio=theirs / warm,
        start="cold",
        threads=1,
        users_in_a_batch=N_BATCH,
        factors=OBJECTIVE.factors,
    )


def measured() -> Iterator[Row]:
    """Measure every row."""
    rng = np.random.default_rng(0)
    factors = trained(rng)
    for n_row in (30, 100):
        yield measure(n_row, factors, rng)


if __name__ == "__main__":
    report(measured())
