"""Windows of consecutive plays as rows of their own."""

import numpy as np

from model.training import Matrix
from model.training_windows import with_windows

MATRIX = Matrix(np.array([0, 2, 2, 5]), np.array([1, 2, 3, 4, 5], np.int32), np.arange(5, dtype=np.float32))
TOUCHED = np.array([9, 10, 11, 12, 25], np.uint32)


def test_the_users_come_first_and_their_windows_follow() -> None:
    """Every user keeps the row they had; windows of ten plays follow, and no window spans two users."""
    longer = with_windows(MATRIX, TOUCHED, window_plays=10)

    parts = [longer.rows[a:b].tolist() for a, b in zip(longer.starts, longer.starts[1:], strict=False)]
    assert [[1, 2], [], [3, 4, 5]] == parts[:3]
    assert [[1], [2], [3, 4], [5]] == parts[3:]


def test_a_play_weighs_the_same_in_its_window() -> None:
    """Windows repeat the counts of the whole history."""
    longer = with_windows(MATRIX, TOUCHED, window_plays=10)

    np.testing.assert_array_equal(MATRIX.weights, longer.weights[5:])


def test_without_a_window_the_matrix_stays_as_it_is() -> None:
    """A window of zero plays switches windows off; nobody's plays have none."""
    empty = Matrix(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))

    assert MATRIX is with_windows(MATRIX, TOUCHED, window_plays=0)
    assert empty is with_windows(empty, TOUCHED[:0], window_plays=10)
