"""Fold-in against the libraries that the field trusts, and its laws."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from model.arrays import Floats, Rows, Starts
from model.diagonal_basis import diagonalise, rotate
from model.fixed_items import FixedItems
from model.fold_in import fold_in
from model.objective import Objective, Rule
from model.ragged import WeightedRows
from model.training import Factors
from tests.model.conftest import N_ITEMS, Draw, Trained, draw_rows, train_drawn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # irspack configures itself through a deprecated interface of pydantic
    from irspack.recommenders import IALSRecommender


def fold(objective: Objective, factors: Factors, starts: Starts, rows: Rows, weights: Floats) -> Floats:
    """Fold in from a cold start."""
    x = np.zeros((len(starts) - 1, objective.factors), np.float32)
    return fold_in(WeightedRows(starts, rows, weights), factors.items, objective, x)


def assert_vectors_close(expected: Floats, x: Floats) -> None:
    """No vector is further off than 1e-5 of its length."""
    assert (np.linalg.norm(x - expected, axis=1) <= 1e-5 * np.linalg.norm(expected, axis=1)).all()


def test_the_hkv_rule_equals_implicits_recalculate_user(draw: Draw, trained: Trained) -> None:
    """Its author's library solves the same system when it is given `1 + alpha * weight` as the confidence."""
    _, factors = trained("hkv")
    objective = Objective("hkv", factors=32, regularization=2.0, alpha=3.0)
    starts, rows, weights = draw(40, 25)
    oracle = AlternatingLeastSquares(factors=32, regularization=2.0, alpha=1.0, num_threads=1)
    oracle.item_factors = factors.item_factors
    confidences = csr_matrix((1 + objective.alpha * weights, rows, starts), (40, len(factors.item_factors)))

    expected = oracle.recalculate_user(np.arange(40), confidences)

    assert_vectors_close(expected, fold(objective, factors, starts, rows, weights))


def test_the_ials_rule_equals_irspacks_ials(draw: Draw) -> None:
    """Irspack solves the same system, given the row's own regularization where it has no scaling by frequency."""
    starts, rows, weights = draw(40, 25)
    objective = Objective("ials", factors=32, regularization=0.05, unobserved_weight=0.1)
    played = csr_matrix((objective.confidences(weights), rows, starts), (40, N_ITEMS))
    oracle = IALSRecommender(
        played, n_components=32, alpha0=0.1, reg=0.05 * 25, nu=0, train_epochs=3, solver_type="CHOLESKY", n_threads=1
    ).learn()
    items = oracle.get_item_embedding()
    rotation, diagonal = diagonalise(items, objective.gram_scale)
    factors = Factors(items[:0], rotate(items, rotation), diagonal)

    expected = rotate(oracle.compute_user_embedding(played), rotation)

    assert_vectors_close(expected, fold(objective, factors, starts, rows, weights))


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_folding_the_training_rows_gives_the_trained_vectors(rule: Rule, trained: Trained) -> None:
    """A user's vector after training is the fold-in of the same row: trainer and stream agree."""
    objective, factors = trained(rule)
    starts, rows, _ = draw_rows(500, 30, seed=1)

    folded = fold(objective, factors, starts, rows, np.ones(len(rows), np.float32))

    assert_vectors_close(factors.user_factors, folded)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_the_order_of_plays_does_not_matter(seed: int, n_row: int) -> None:
    """Shuffling a history leaves its vector where it was."""
    objective, factors = train_drawn("ials")
    starts, rows, weights = draw_rows(1, n_row, seed)
    order = np.random.default_rng(seed).permutation(n_row)

    shuffled = fold(objective, factors, starts, rows[order], weights[order])

    assert_vectors_close(fold(objective, factors, starts, rows, weights), shuffled)


@given(st.integers(0, 1000), st.integers(1, 20), st.lists(st.integers(0, 20), max_size=5))
def test_unknown_items_change_nothing(seed: int, n_row: int, places: list[int]) -> None:
    """Items that the generation does not know leave the vector as it is, bit for bit."""
    objective, factors = train_drawn("ials")
    starts, rows, weights = draw_rows(1, n_row, seed)
    at = np.minimum(places, n_row).astype(np.int64)

    more = np.array([0, n_row + len(at)])
    folded = fold(objective, factors, more, np.insert(rows, at, -1), np.insert(weights, at, 7))

    np.testing.assert_array_equal(fold(objective, factors, starts, rows, weights), folded)


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_who_has_skipped_everything_has_a_vector_of_zeros(rule: Rule) -> None:
    """The start does not matter, even if a factor is zero for all items and only lambda is left."""
    items = np.zeros((3, 4), np.float32)
    items[:, 0] = [1, 2, 3]
    objective = Objective(rule, factors=4)
    gram_diagonal = (items**2).sum(axis=0) * np.float32(objective.gram_scale)
    x = np.full((1, 4), 7, np.float32)

    skips = WeightedRows(np.array([0, 2]), np.array([0, 2], np.int32), -np.ones(2, np.float32))
    fold_in(skips, FixedItems(items, gram_diagonal), objective, x)

    np.testing.assert_allclose(x, 0, atol=1e-5)
