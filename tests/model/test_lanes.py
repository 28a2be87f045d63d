"""Rows of one array combined by vector instructions."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.lanes import subtract
from model.vectors import LANES


@njit
def combine(rows: NDArray[np.float32], places: tuple[int, int, int], factors: tuple[np.float32, np.float32]) -> None:
    """Call the instruction from a kernel."""
    at, first, second = places
    subtract(rows, at, first, second, factors)


def test_two_rows_are_subtracted_from_a_third() -> None:
    """From any place on, as many numbers as there are lanes; the numbers around them stay."""
    rows = np.random.default_rng(0).standard_normal(7 * LANES).astype(np.float32)
    expected, at, first, second = rows.copy(), 3, 2 * LANES + 1, 5 * LANES
    of = [slice(place, place + LANES) for place in (at, first, second)]
    expected[of[0]] -= np.float32(0.5) * rows[of[1]] + np.float32(-3) * rows[of[2]]

    combine(rows, (at, first, second), (np.float32(0.5), np.float32(-3)))

    np.testing.assert_allclose(rows, expected, atol=1e-6)
    np.testing.assert_array_equal(rows[at + LANES :], expected[at + LANES :])
