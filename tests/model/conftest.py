"""Problems of a realistic shape: popular and rare items, tastes, factors trained on them."""

from collections.abc import Callable
from functools import cache

import hypothesis
import numpy as np
import pytest

from model.arrays import Floats, Rows, Starts
from model.objective import Objective, Rule
from model.training import Factors, Matrix, train

# A kernel's first call compiles it, which takes longer than any example may.
hypothesis.settings.register_profile("kernels", deadline=None)
hypothesis.settings.load_profile("kernels")

N_ITEMS = 700

Draw = Callable[[int, int], tuple[Starts, Rows, Floats]]
Trained = Callable[[Rule], tuple[Objective, Factors]]


def draw_rows(n_users: int, n_row: int, seed: int = 0) -> tuple[Starts, Rows, Floats]:
    """Draw users of one taste each with plays of popular items and of items of their taste, and decayed counts."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(5, N_ITEMS + 5)
    rows = np.empty((n_users, n_row), np.int32)
    for u in range(n_users):
        liked = popularity * np.where(np.arange(N_ITEMS) % 20 == u % 20, 20.0, 1.0)
        rows[u] = rng.choice(N_ITEMS, n_row, replace=False, p=liked / liked.sum())
    ages = np.arange(n_row)[::-1]
    weights = rng.integers(1, 4, (n_users, n_row)) * 0.5 ** (ages / 5)
    return np.arange(n_users + 1) * n_row, rows.ravel(), weights.astype(np.float32).ravel()


@cache
def train_drawn(rule: Rule) -> tuple[Objective, Factors]:
    """Train once a rule and session."""
    starts, rows, _ = draw_rows(500, 30, seed=1)
    objective = Objective(rule, factors=32, regularization=0.05 if rule == "ials" else 2.0, iterations=5)
    matrix = Matrix(starts, rows, np.ones(len(rows), np.float32))
    return objective, train(matrix, N_ITEMS, objective, np.random.default_rng(0))


@pytest.fixture
def draw() -> Draw:
    """Give a source of users: (users, items each) to compressed rows and weights."""
    return draw_rows


@pytest.fixture
def trained() -> Trained:
    """Give trained factors, by rule."""
    return train_drawn
