"""Splitting the scores of the first items of lists over the plays behind them, on one thread, against implicit's.

Each user has 30 or 100 played items and a list of the exact best 10, as many as a published list explains, and every
item of it gets its three largest shares and the rest, in batches of 1,000 users. implicit splits one item at a time,
with a user's factored system kept between the items; it is timed on fewer users. The errors are those of shares and
rest together, against scores from a dense solve in double precision, relative to each score.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from model.arrays import Doubles, Rows
from model.equations import equations_of
from model.explain import explain
from model.ragged import RaggedRows, WeightedRows
from model.ranking import top_n
from model.training import Factors
from streams.settings import Settings
from tests.benchmarks.fold_in import N_BATCH, N_ITEMS, OBJECTIVE, Users, best_of_rounds, draw, exact, library, trained

LIST_N, REASONS, THEIRS = Settings().lists.because_items_n, Settings().lists.because_n, 10


def by_norm(factors: Factors) -> Factors:
    """Return the items by descending norm, as a generation keeps them."""
    order = np.argsort(-np.linalg.norm(factors.item_factors, axis=1), kind="stable")
    return factors._replace(item_factors=factors.item_factors[order])


def best_items(users: Users, x: Doubles, factors: Factors) -> Rows:
    """Return the users' lists."""
    starts, rows, _ = users
    return top_n(x.astype(np.float32), factors.items, RaggedRows(starts, rows), LIST_N)[0]


def measure(n_row: int, factors: Factors, rng: np.random.Generator) -> Row:
    """Measure batches of users with `n_row` played items each."""
    starts, rows, weights = users = draw(N_BATCH, n_row, rng)
    x = exact(users, factors)
    lists, equations = best_items(users, x, factors), equations_of(WeightedRows(*users), OBJECTIVE)
    fixed = factors.items
    oracle = library(factors)
    confidences = csr_matrix((1 + OBJECTIVE.alpha * weights, rows, starts), (N_BATCH, N_ITEMS))

    def theirs() -> None:
        for user in range(THEIRS):
            user_weights = None
            for item in lists[user]:
                *_, user_weights = oracle.explain(user, confidences, item, user_weights=user_weights, N=REASONS)

    everybody = np.arange(N_BATCH)
    seconds, their_seconds = best_of_rounds(lambda: explain(equations, fixed, everybody, lists, REASONS), theirs)
    reasons = explain(equations, fixed, everybody, lists, REASONS)
    scores = np.einsum("nlf,nf->nl", factors.item_factors[lists].astype(np.float64), x)
    sums = reasons.shares.sum(axis=2, dtype=np.float64) + reasons.rest
    return Row(
        f"explain_{n_row}",
        N_BATCH / seconds,
        "users/s",
        against=THEIRS / their_seconds,
        ratio=(their_seconds / THEIRS) / (seconds / N_BATCH),
        max_relative_error=float(np.abs(sums / scores - 1).max()),
        us_a_user=1e6 * seconds / N_BATCH,
        items_in_a_list=LIST_N,
        reasons_of_an_item=REASONS,
        threads=1,
        factors=OBJECTIVE.factors,
    )


def measured() -> Iterator[Row]:
    """Measure every row."""
    rng = np.random.default_rng(0)
    factors = by_norm(trained(rng))
    for n_row in (30, 100):
        yield measure(n_row, factors, rng)


if __name__ == "__main__":
    report(measured())
