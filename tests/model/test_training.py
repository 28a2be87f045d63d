"""Training by alternating sweeps of the fold-in's kernel."""

import numpy as np
import pytest

from model.arrays import Doubles
from model.diagonal_basis import gram
from model.objective import Objective, Rule
from model.training import Factors, LocalEngine, Matrix, Progress, TrainingError, train
from tests.model.conftest import Draw

SMALL = Objective(factors=16, iterations=4)


def matrix_of(draw: Draw, n_users: int = 200) -> Matrix:
    """Return users with one play each of 20 items."""
    starts, rows, _ = draw(n_users, 20)
    return Matrix(starts, rows, np.ones(len(rows), np.float32))


def loss(matrix: Matrix, factors: Factors, objective: Objective) -> float:
    """Return the value of the objective, written out densely."""
    scores: Doubles = factors.user_factors.astype(np.float64) @ factors.item_factors.T
    users = np.repeat(np.arange(len(scores)), np.diff(matrix.starts))
    predicted, confidences = scores[users, matrix.rows], objective.confidences(matrix.weights)
    fit = (confidences * (1 - predicted) ** 2).sum() + objective.gram_scale * (scores**2).sum()
    if objective.rule == "hkv":
        fit += (1 - 2 * predicted).sum()
    n_user, n_item = np.diff(matrix.starts), np.bincount(matrix.rows, minlength=scores.shape[1])
    for side, n_row in ((factors.user_factors, n_user), (factors.item_factors, n_item)):
        fit += (objective.row_regularization(n_row) * (side.astype(np.float64) ** 2).sum(1)).sum()
    return float(fit)


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_every_iteration_lowers_the_loss(rule: Rule, draw: Draw) -> None:
    """More sweeps fit better, down to where alternating least squares settle."""
    matrix = matrix_of(draw)

    losses = []
    for iterations in (1, 2, 4, 8):
        objective = Objective(rule, factors=16, iterations=iterations)
        losses.append(loss(matrix, train(matrix, 700, objective, np.random.default_rng(0)), objective))

    assert sorted(losses, reverse=True) == losses


def test_the_factors_stand_in_the_basis_of_their_gram(draw: Draw) -> None:
    """The stored diagonal is the whole gram: nothing of it lies beside the diagonal."""
    factors = train(matrix_of(draw), 700, SMALL, np.random.default_rng(0))

    expected = np.diag(factors.gram_diagonal)
    np.testing.assert_allclose(
        expected, SMALL.gram_scale * gram(factors.item_factors), rtol=1e-5, atol=1e-6 * expected.max()
    )


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(draw: Draw) -> None:
    """Training is reproducible, and threads only make it faster."""
    matrix = matrix_of(draw)

    one, again, three = (
        train(matrix, 700, SMALL, np.random.default_rng(5), engine=LocalEngine(threads)) for threads in (1, 1, 3)
    )

    assert one.item_factors.tobytes() == again.item_factors.tobytes() == three.item_factors.tobytes()
    assert one.user_factors.tobytes() == again.user_factors.tobytes() == three.user_factors.tobytes()


def test_items_that_nobody_played_and_users_without_plays_are_zero() -> None:
    """They take no part, and nothing of the random start is left in them."""
    matrix = Matrix(np.array([0, 2, 2]), np.array([0, 2], np.int32), np.ones(2, np.float32))

    factors = train(matrix, 4, Objective(factors=2), np.random.default_rng(0))

    np.testing.assert_array_equal(0, factors.user_factors[1])
    np.testing.assert_array_equal(0, factors.item_factors[[1, 3]])
    assert factors.item_factors[[0, 2]].any(axis=1).all()


def test_progress_is_told_after_every_half_sweep(draw: Draw) -> None:
    """The callback gets users and items in turn, with the iteration."""
    seen: list[Progress] = []

    train(matrix_of(draw, 10), 700, Objective(factors=4, iterations=2), np.random.default_rng(0), seen.append)

    assert [(1, 2, "users"), (1, 2, "items"), (2, 2, "users"), (2, 2, "items")] == seen


def test_a_training_that_diverges_is_an_error(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Factors that are no numbers end the training with a sentence, not with a generation."""
    monkeypatch.setattr("model.training.fold_in", lambda *arguments, **_: arguments[3].fill(np.inf))

    with pytest.raises(TrainingError, match=r"The training diverged in iteration 1 of 4, users: Objective\("):
        train(matrix_of(draw, 10), 700, SMALL, np.random.default_rng(0))


def test_a_weight_that_is_no_number_is_an_error(draw: Draw) -> None:
    """Counts are checked before anything is trained on them."""
    matrix = matrix_of(draw, 10)
    matrix.weights[3] = np.nan

    with pytest.raises(TrainingError, match="A weight to train on is not a finite number; look at the histories"):
        train(matrix, 700, SMALL, np.random.default_rng(0))


def test_a_warm_start_needs_fewer_sweeps(draw: Draw) -> None:
    """Two sweeps from yesterday's factors are as good as eight from chance."""
    matrix = matrix_of(draw)
    cold, warm = Objective(factors=16, iterations=8), Objective(factors=16, iterations=2)
    yesterday = train(matrix_of(draw, 180), 700, cold, np.random.default_rng(0)).item_factors

    started = train(matrix, 700, warm, np.random.default_rng(1), start=yesterday)

    from_chance = [train(matrix, 700, o, np.random.default_rng(1)) for o in (warm, cold)]
    few, many = (loss(matrix, factors, cold) for factors in from_chance)
    assert loss(matrix, started, cold) < 1.02 * many < few


def test_unknown_items_start_from_chance(draw: Draw) -> None:
    """A start of zeros is the same as none, and the same start gives the same factors again."""
    matrix = matrix_of(draw)
    start = train(matrix, 700, SMALL, np.random.default_rng(0)).item_factors.copy()
    start[::2] = 0

    unknown = train(matrix, 700, SMALL, np.random.default_rng(1), start=np.zeros_like(start))
    one, again = (train(matrix, 700, SMALL, np.random.default_rng(1), start=start) for _ in range(2))

    np.testing.assert_array_equal(train(matrix, 700, SMALL, np.random.default_rng(1)).item_factors, unknown[1])
    np.testing.assert_array_equal(one.item_factors, again.item_factors)
    assert one.item_factors[0].any()


def test_a_start_of_another_shape_is_an_error(draw: Draw) -> None:
    """It belongs to another catalog or another length of vectors."""
    with pytest.raises(ValueError, match=r"have the shape \(700, 8\), but \(700, 16\) is to be trained"):
        train(matrix_of(draw), 700, SMALL, np.random.default_rng(0), start=np.zeros((700, 8), np.float32))
