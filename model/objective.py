"""What training and fold-in minimise: one definition for both, written into every generation's manifest."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Floats

Rule = Literal["ials", "hkv"]
_LOG_2 = np.float32(np.log(2))


@dataclass(frozen=True, slots=True)
class Objective:
    """The hyperparameters of a generation, and the loss they make.

    `ials` (Rendle et al. 2021, Revisiting the performance of iALS, eq. 3, with its frequency-scaled regularization):
    `sum_played c (1 - x.y)^2 + a0 sum_all (x.y)^2 + lambda n_row (|x|^2 or |y|^2)`, `c = log2(1 + weight)`.

    `hkv` (Hu, Koren and Volinsky 2008, eq. 3):
    `sum_all (1 + alpha weight) (p - x.y)^2 + lambda (|x|^2 + |y|^2)`, `p = 1` where played.

    Either way a row solves `(gram_scale * gram + regularization I + sum c y y') x = sum b y` over its played items,
    where `weight` is the decayed count of plays.
    """

    rule: Rule = "ials"
    factors: int = 64
    regularization: float = 0.05
    unobserved_weight: float = 0.1
    alpha: float = 1.0
    half_life_plays: float = 5.0
    iterations: int = 10
    window_plays: int = (
        0  # plays in a window that is trained on beside the whole histories (`model/windows.py`); 0: none
    )

    @property
    def gram_scale(self) -> float:
        """Return the weight of the items a listener did not play."""
        return self.unobserved_weight if self.rule == "ials" else 1.0

    def confidences(self, weights: ArrayLike) -> Floats:
        """Return `c`, the weight of every played item in the matrix of the row's equations."""
        weights = np.asarray(weights, np.float32)
        return np.log1p(weights) / _LOG_2 if self.rule == "ials" else np.float32(self.alpha) * weights

    def targets(self, weights: ArrayLike) -> Floats:
        """Return `b`, the weight of every played item on the right-hand side of the row's equations."""
        confidences = self.confidences(weights)
        return confidences if self.rule == "ials" else 1 + confidences

    def row_regularization(self, n_row: ArrayLike) -> Floats:
        """Return the regularization of rows with `n_row` played items each."""
        n_row = np.asarray(n_row, np.float32)
        per_row = n_row if self.rule == "ials" else np.ones_like(n_row)
        return np.float32(self.regularization) * per_row
