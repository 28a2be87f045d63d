"""The diagonal basis changes the numbers and not the scores."""

import numpy as np
import pytest

from model.diagonal_basis import diagonalise, gram, rotate


@pytest.fixture
def factors() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Give factors whose gram is far from diagonal."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((300, 16)) @ rng.standard_normal((16, 16))).astype(np.float32)


def test_rotated_factors_have_a_diagonal_gram(factors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """After the rotation the gram is its scaled diagonal, largest first, up to the rounding of the factors."""
    rotation, diagonal = diagonalise(factors, gram_scale=0.1)

    rotated = 0.1 * gram(rotate(factors, rotation))

    np.testing.assert_allclose(np.diag(diagonal), rotated, atol=1e-6 * diagonal[0], rtol=1e-5)
    assert sorted(diagonal, reverse=True) == diagonal.tolist()


def test_rotating_both_sides_keeps_every_score(factors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """Users and items rotated together score as before."""
    users, items = factors[:50], factors[50:]
    rotation, _ = diagonalise(items, gram_scale=1.0)

    scores = rotate(users, rotation) @ rotate(items, rotation).T

    np.testing.assert_allclose(users @ items.T, scores, atol=1e-4 * np.abs(scores).max())


def test_items_that_nobody_played_leave_a_diagonal_without_negative_numbers() -> None:
    """A gram of zeros, or one of lower rank, has no negative eigenvalue after rounding."""
    thin = np.outer(np.arange(5), np.ones(8)).astype(np.float32)

    assert diagonalise(thin, gram_scale=1.0)[1].min() >= 0
    assert [0.0] * 8 == diagonalise(np.zeros((5, 8), np.float32), gram_scale=1.0)[1].tolist()
