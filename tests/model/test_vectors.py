"""Loops over whole registers, against their twins."""

import numpy as np
import pytest
from numba import njit

from model.arrays import Floats
from model.vectors import dot, dots_plain, first_bit, reaching
from tests.support.hostile import hostile_vectors


@njit
def dot_of(one: Floats, other: Floats) -> np.float32:
    """Return a scalar product."""
    product: np.float32 = dot(one.ctypes.data, other.ctypes.data, len(one))
    return product


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 128])
def test_a_scalar_product_has_one_order_of_sums(n: int) -> None:
    """Bit for bit that of its twin, on any processor."""
    one, other = (
        hostile_vectors("scales", 50, n, np.random.default_rng(n)),
        (1 / np.arange(1, n + 1)).astype(np.float32),
    )

    products = [dot_of(vector, other) for vector in one]

    assert dots_plain(one, other).tolist() == products


def test_the_twin_is_a_scalar_product() -> None:
    """Of numbers whose sums are exact in any order."""
    one, other = np.arange(40, dtype=np.float32).reshape(2, 20), np.arange(20, dtype=np.float32)

    assert (one @ other).tolist() == dots_plain(one, other).tolist()


@njit
def places_reaching(values: Floats, bar: np.float32) -> list[int]:
    """Return the places of 64 values that are at least a bar."""
    bits, places = reaching(values.ctypes.data, bar), [-1]
    while bits:
        places.append(first_bit(bits))
        bits &= bits - np.uint64(1)
    return places[1:]


@pytest.mark.parametrize("bar", [-np.inf, -1.0, 0.0, 0.5, np.inf])
def test_values_that_reach_a_bar(bar: float) -> None:
    """A bit for each, in order; NaN reaches nothing."""
    values = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    values[[0, 5, 63]] = -np.inf, np.nan, 0.5

    assert np.flatnonzero(values >= np.float32(bar)).tolist() == places_reaching(values, np.float32(bar))
