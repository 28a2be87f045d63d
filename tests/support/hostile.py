"""Vectors that a bound of rounding errors has to hold for."""

from collections.abc import Callable, Mapping

import numpy as np

from model.arrays import Doubles, Floats

Draw = Callable[[tuple[int, int], np.random.Generator], Doubles]


def _near(shape: tuple[int, int], rng: np.random.Generator) -> Doubles:
    """Return one vector, off by a few units in the last place of each number."""
    vector = rng.standard_normal(shape[1]).astype(np.float32)
    steps = rng.integers(-3, 4, shape)
    return np.asarray(vector.astype(np.float64) + steps * np.spacing(np.abs(vector)).astype(np.float64))


def _sparse(shape: tuple[int, int], rng: np.random.Generator) -> Doubles:
    """Return vectors that are mostly zero, some altogether."""
    return rng.standard_normal(shape) * (rng.random(shape) < min(0.3, 1 / shape[1]))


KINDS: Mapping[str, Draw] = {
    "alike": lambda shape, rng: rng.standard_normal(shape) * rng.gamma(2.0, 0.2, (shape[0], 1)),
    "scales": lambda shape, rng: rng.standard_normal(shape) * 10 ** rng.uniform(-12, 12, (shape[0], 1)),
    "columns": lambda shape, rng: rng.standard_normal(shape) * 10 ** rng.uniform(-6, 6, (1, shape[1])),
    "tiny": lambda shape, rng: rng.standard_normal(shape) * 10 ** rng.uniform(-45, -25, (shape[0], 1)),
    "minute": lambda shape, rng: rng.standard_normal(shape) * 5e-32,
    "huge": lambda shape, rng: rng.standard_normal(shape) * 10 ** rng.uniform(5, 16, (shape[0], 1)),
    "sparse": _sparse,
    "near": _near,
    "same": lambda shape, rng: np.broadcast_to(rng.standard_normal(shape[1]), shape),
    "whole": lambda shape, rng: rng.integers(-3, 4, shape).astype(np.float64),
}
"""Vectors of a shape, by kind."""


def hostile_vectors(kind: str, n: int, f: int, rng: np.random.Generator) -> Floats:
    """Return n vectors of a kind."""
    return KINDS[kind]((n, f), rng).astype(np.float32)
