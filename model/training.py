"""Factors from the matrix of listeners and items: alternating sweeps of the solver that also folds users in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array

from model.arrays import Floats, lengths_of
from model.diagonal_basis import diagonalise, rotate
from model.fixed_items import FixedItems
from model.fold_in import fold_in
from model.objective import Objective
from model.ragged import WeightedRows
from model.solver import STEPS_MAX

SWEEP_STEPS = 3  # a warm start makes more steps a sweep slower without making the training better


@dataclass(frozen=True, slots=True, eq=False)
class Matrix(WeightedRows):
    """Decayed counts of plays, compressed over one side (users), with the rows of the other (items)."""

    def transposed(self, n_columns: int) -> "Matrix":
        """Return the same counts compressed over the other side."""
        shape = (len(self.starts) - 1, n_columns)
        csc = csr_array((self.weights, self.rows, self.starts), shape).tocsc()
        return Matrix(csc.indptr.astype(np.int64), csc.indices.astype(np.int32), csc.data)


class Factors(NamedTuple):
    """The result of a training: factors in the basis in which the items' gram is diagonal."""

    user_factors: Floats  # (n_users, f), one for every compressed row of the matrix: its fold-in
    item_factors: Floats  # (n_items, f); an item that nobody played is a row of zeros
    gram_diagonal: Floats  # (f,), scaled by the objective

    @property
    def items(self) -> FixedItems:
        """Return the items' side."""
        return FixedItems(self.item_factors, self.gram_diagonal)


class Progress(NamedTuple):
    """A half-sweep that has ended."""

    iteration: int  # from 1
    iterations: int
    side: Literal["users", "items"]


class Engine(Protocol):
    """An implementation of the training, on this machine or elsewhere."""

    def train(
        self,
        matrix: Matrix,
        n_items: int,
        objective: Objective,
        rng: np.random.Generator,
        progress: Callable[[Progress], None],
        start: Floats | None = None,
    ) -> Factors:
        """Train on compressed users; see `train`."""


class TrainingError(ArithmeticError):
    """A training diverged. Raise the regularization, or look for counts that are not finite, and train again."""


class LocalEngine:
    """Alternating sweeps of our own kernel on this machine's cores."""

    def __init__(self, threads: int = 1) -> None:
        """Share every sweep among `threads` threads; the result does not depend on their number."""
        self.threads = threads

    def train(
        self,
        matrix: Matrix,
        n_items: int,
        objective: Objective,
        rng: np.random.Generator,
        progress: Callable[[Progress], None],
        start: Floats | None = None,
    ) -> Factors:
        """Train on compressed users; see `train`."""
        if not np.isfinite(matrix.weights).all():
            message = "A weight to train on is not a finite number; look at the histories that it comes from."
            raise TrainingError(message)
        by_item = matrix.transposed(n_items)
        users = np.zeros((len(matrix.starts) - 1, objective.factors), np.float32)
        items = _first_items(n_items, objective, rng, start)
        items[lengths_of(by_item.starts) == 0] = 0
        for iteration in range(1, objective.iterations + 1):
            items, users = self._half_sweep(matrix, items, users, objective)
            _report(progress, Progress(iteration, objective.iterations, "users"), users, objective)
            users, items = self._half_sweep(by_item, users, items, objective)
            _report(progress, Progress(iteration, objective.iterations, "items"), items, objective)
        items, users = self._half_sweep(matrix, items, users, objective, exactly=True)
        return Factors(users, items, _scaled_diagonal(items, objective))

    def _half_sweep(
        self, matrix: Matrix, fixed: Floats, x: Floats, objective: Objective, *, exactly: bool = False
    ) -> tuple[Floats, Floats]:
        """Rotate both sides to the diagonal basis of `fixed` and solve the rows of the other."""
        rotation, _ = diagonalise(fixed, objective.gram_scale)
        fixed, x = rotate(fixed, rotation), rotate(x, rotation)
        items = FixedItems(fixed, _scaled_diagonal(fixed, objective))
        fold_in(matrix, items, objective, x, self.threads, steps_max=STEPS_MAX if exactly else SWEEP_STEPS)
        return fixed, x


def train(
    matrix: Matrix,
    n_items: int,
    objective: Objective,
    rng: np.random.Generator,
    progress: Callable[[Progress], None] = lambda _: None,
    engine: Engine | None = None,
    start: Floats | None = None,
) -> Factors:
    """Train user and item factors.

    Args:
        matrix: Decayed counts of plays, compressed over users; the rows are the items.
        n_items: Number of items; one that nobody played becomes a row of zeros.
        objective: The objective, with the number of sweeps.
        rng: Source of the first item factors; the same one gives the same factors again, bit for bit in one process.
            A kernel that has just been compiled may round differently from the same kernel in numba's cache.
        progress: Called after every half-sweep.
        engine: The implementation; our own kernel on one thread if left out.
        start: Item factors to begin with, shape (n_items, f), such as those of an earlier training on nearly the same
            plays, after which few sweeps are enough. A row of zeros is unknown and begins from chance.

    Raises:
        TrainingError: The factors are not finite.
        ValueError: `start` is of another shape.
    """
    return (engine or LocalEngine()).train(matrix, n_items, objective, rng, progress, start)


def _first_items(n_items: int, objective: Objective, rng: np.random.Generator, start: Floats | None) -> Floats:
    """Return the item factors before the first sweep."""
    shape = n_items, objective.factors
    items: Floats = (rng.standard_normal(shape) * (0.1 / np.sqrt(objective.factors))).astype(np.float32)
    if start is None:
        return items
    if start.shape != shape:
        message = f"The item factors to start from have the shape {start.shape}, but {shape} is to be trained."
        raise ValueError(message)
    return np.where(start.any(axis=1, keepdims=True), start, items).astype(np.float32)


def _report(progress: Callable[[Progress], None], step: Progress, solved: Floats, objective: Objective) -> None:
    """Report a half-sweep, or raise if its result is not finite."""
    if not np.isfinite(solved).all():
        message = f"The training diverged in iteration {step.iteration} of {step.iterations}, {step.side}: {objective}."
        raise TrainingError(message)
    progress(step)


def _scaled_diagonal(factors: Floats, objective: Objective) -> Floats:
    """Return the diagonal of the gram of factors that are already in its basis."""
    squares = np.einsum("ij,ij->j", factors, factors, dtype=np.float64)
    scaled: Floats = (squares * objective.gram_scale).astype(np.float32)
    return scaled
