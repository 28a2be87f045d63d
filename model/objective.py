"""The objective that training and fold-in minimise: one definition, written into every generation's manifest."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Flags, Floats
from model.decay import HalfLives

Rule = Literal["ials", "hkv"]
Growth = Literal["rule", "log", "linear"]
DAY_S = 86_400
_LOG_2 = np.float32(np.log(2))


def against(weights: ArrayLike) -> Flags:
    """Return which weights are of signals against an item, even where decay has left nothing but the sign.

    >>> against([1.0, 0.0, -0.0, -1.0]).tolist()
    [False, False, True, True]
    """
    signs: Flags = np.signbit(np.asarray(weights, np.float32))
    return signs


@dataclass(frozen=True, slots=True)
class Objective:
    """The hyperparameters of a generation, and the loss they make.

    `ials` (Rendle et al. 2021, Revisiting the performance of iALS, eq. 3, with its frequency-scaled regularization):
    `sum_played c (1 - x.y)^2 + a0 sum_all (x.y)^2 + lambda n_row (|x|^2 or |y|^2)`, `c = log2(1 + weight)`.

    `hkv` (Hu, Koren and Volinsky 2008, eq. 3):
    `sum_all (1 + alpha weight) (p - x.y)^2 + lambda (|x|^2 + |y|^2)`, `p = 1` where played.

    Either way a row solves `(gram_scale * gram + regularization I + sum c y y') x = sum b y` over its played items,
    where `weight` is that of their signals after decay.

    A weight below 0 is of signals against an item: confidence in preference 0 (Hu, Koren and Volinsky's `p = 0`),
    so its `c` is that of the weight without its sign, its `b` is 0, and `n_row` does not count it.

    `growth` tells how confidence grows with the weight: `log`, as `log2(1 + weight)`, `linear`, or as the rule's own
    paper has it, which is `log` for `ials` and `linear` for `hkv` (their equation 6 is the other way).
    """

    rule: Rule = "ials"
    factors: int = 64
    regularization: float = 0.05
    unobserved_weight: float = 0.1
    alpha: float = 1.0
    half_life_plays: float = 5.0
    iterations: int = 10
    window_plays: int = (
        0  # plays in a window that is trained on beside the whole histories (`model/training_windows.py`); 0: none
    )
    half_life_days: float = float("inf")  # of event time
    growth: Growth = "rule"

    @property
    def half_life_s(self) -> float:
        """Return the seconds of event time after which a play counts half."""
        return self.half_life_days * DAY_S

    @property
    def half_lives(self) -> HalfLives:
        """Return how fast signals grow old."""
        return HalfLives(self.half_life_plays, self.half_life_s)

    @property
    def gram_scale(self) -> float:
        """Return the weight of the items a listener did not play."""
        return self.unobserved_weight if self.rule == "ials" else 1.0

    def confidences(self, weights: ArrayLike) -> Floats:
        """Return `c`, the weight of every item of a history in the matrix of the row's equations."""
        weights = np.abs(np.asarray(weights, np.float32))
        logarithmic = self.growth == "log" or (self.growth == "rule" and self.rule == "ials")
        grown = (np.log1p(weights) / _LOG_2).astype(np.float32) if logarithmic else weights
        return grown if self.rule == "ials" else np.float32(self.alpha) * grown

    def targets(self, weights: ArrayLike, confidences: Floats | None = None) -> Floats:
        """Return `b`, the weight of every item of a history on the right-hand side of the row's equations.

        Args:
            weights: Weights of the items' signals.
            confidences: Their `confidences`, if they are known already.
        """
        weights = np.asarray(weights, np.float32)
        confidences = self.confidences(weights) if confidences is None else confidences
        wanted: Floats = confidences if self.rule == "ials" else np.float32(1) + confidences
        return np.where(against(weights), np.float32(0), wanted)

    def row_regularization(self, n_row: ArrayLike) -> Floats:
        """Return the regularization of rows with `n_row` played items each."""
        n_row = np.asarray(n_row, np.float32)
        per_row = n_row if self.rule == "ials" else np.ones_like(n_row)
        return np.float32(self.regularization) * per_row
