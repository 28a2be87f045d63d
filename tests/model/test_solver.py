"""The conjugate-gradient kernel against dense solves."""

import numpy as np
import pytest

from model.arrays import Doubles, Floats
from model.equations import Equations, Terms, equations_of, n_known
from model.fixed_items import FixedItems
from model.objective import Rule
from model.ragged import RaggedRows, WeightedRows
from model.solver import solve_rows, solve_rows_plain
from tests.model.conftest import Draw, Trained


def assert_close(expected: Doubles, x: Floats) -> None:
    """Every row's error is at most 1e-5 of its length."""
    errors = np.linalg.norm(x - expected, axis=1)
    assert (errors <= 1e-5 * np.linalg.norm(expected, axis=1)).all()


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("n_row", [1, 2, 7, 30, 100, 500])
def test_every_row_is_within_1e_5_of_the_dense_solve(rule: Rule, n_row: int, draw: Draw, trained: Trained) -> None:
    """From zeros and from the vector before the last play, for short and long histories, under both rules."""
    objective, factors = trained(rule)
    starts, rows, weights = draw(100, n_row)
    regs = objective.row_regularization(n_known(RaggedRows(starts, rows)))
    before = rows.copy()
    before[starts[1:] - 1] = -1

    def plain(known: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Doubles:
        terms = Terms(starts, known, objective.confidences(weights), objective.targets(weights))
        return solve_rows_plain(Equations(terms, regs, starts), factors.items)

    expected = plain(rows)
    for start in (np.zeros_like(expected), plain(before)):
        x = start.astype(np.float32)
        terms = Terms(starts, rows, objective.confidences(weights), objective.targets(weights))
        solve_rows(Equations(terms, regs, starts), factors.items, x)
        assert_close(expected, x)


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("halvings", [10, 20, 40, 60])
def test_a_warm_start_that_is_far_too_long_costs_no_digits(
    rule: Rule, halvings: int, draw: Draw, trained: Trained
) -> None:
    """After many half-lives almost nothing of a vector is left, and the result is still exact."""
    objective, factors = trained(rule)
    starts, rows, weights = draw(50, 30)
    fresh = WeightedRows(starts, rows, weights)
    faded = WeightedRows(starts, rows, weights * np.float32(2.0**-halvings))
    x = np.zeros((50, objective.factors), np.float32)
    solve_rows(equations_of(fresh, objective), factors.items, x)

    solve_rows(equations_of(faded, objective), factors.items, x)

    assert_close(solve_rows_plain(equations_of(faded, objective), factors.items), x)


def test_what_has_nearly_vanished_is_still_a_number() -> None:
    """Weights down to the smallest float give a finite vector, or zeros."""
    rng = np.random.default_rng(0)
    factors, faded = rng.standard_normal((40, 6)).astype(np.float32), np.exp2(-np.arange(50, 150, 0.1))
    rows, starts = rng.integers(0, 40, 2 * len(faded)).astype(np.int32), np.arange(0, 2 * len(faded) + 1, 2)
    worth = np.repeat(faded, 2).astype(np.float32)
    against = np.where(np.arange(len(worth)) % 2, np.float32(1), worth)  # every other signal is fresh, and says no
    targets, x = np.where(np.arange(len(worth)) % 2, np.float32(0), worth), np.zeros((len(faded), 6), np.float32)

    equations = Equations(Terms(starts, rows, against, targets), np.full(len(x), 0.1, np.float32), starts)
    solve_rows(equations, FixedItems(factors, np.full(6, 8, np.float32)), x)

    assert np.isfinite(x).all()


def test_a_row_without_known_items_becomes_zero() -> None:
    """An empty row, and one of unknown items only, lose their warm start."""
    factors, x = np.ones((3, 4), np.float32), np.ones((2, 4), np.float32)
    starts, rows, ones = np.array([0, 0, 2]), np.array([-1, -1], np.int32), np.ones(2, np.float32)

    solve_rows(Equations(Terms(starts, rows, ones, ones), ones, starts), FixedItems(factors, factors[0]), x)

    np.testing.assert_array_equal(np.zeros((2, 4)), x)


def test_an_item_that_nobody_played_leaves_the_vector_at_zero() -> None:
    """A row of zeros among the factors cannot pull a user anywhere, and divides nothing by zero."""
    factors, x = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    starts, rows, ones = np.array([0, 1]), np.array([0], np.int32), np.ones(1, np.float32)

    solve_rows(Equations(Terms(starts, rows, ones, ones), ones, starts), FixedItems(factors, factors[0]), x)

    np.testing.assert_array_equal(np.zeros((1, 4)), x)


def test_threads_do_not_change_a_bit(draw: Draw, trained: Trained) -> None:
    """Rows are independent: shared among three threads they come out as from one."""
    _, factors = trained("ials")
    starts, rows, weights = draw(50, 20)
    one, three = np.zeros((2, 50, factors.item_factors.shape[1]), np.float32)

    for x, threads in ((one, 1), (three, 3)):
        equations = Equations(Terms(starts, rows, weights, weights), np.ones(50, np.float32), starts)
        solve_rows(equations, factors.items, x, threads=threads)

    assert one.tobytes() == three.tobytes()


def test_a_vector_that_cannot_be_written_is_an_error() -> None:
    """A read-only or differently typed warm start is refused, as the result would be lost."""
    starts, rows, ones = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)

    with pytest.raises(ValueError, match=r"x has to be a writeable, contiguous float32 array of shape \(1, 1\)\."):
        solve_rows(
            Equations(Terms(starts, rows, ones, ones), ones, starts),
            FixedItems(ones[:, None], ones),
            np.zeros((1, 1)),  # type: ignore[arg-type]
        )
