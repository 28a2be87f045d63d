"""The words of records, record after record and column after column."""

import numpy as np
import pytest

from state.users.record_columns import cut, join

LENGTHS = np.array([[1, 2], [0, 2], [2, 0]])
RECORDS = np.array([10, 30, 31, 11, 12, 20, 21], np.uint32)
COLUMNS = np.array([10, 11, 12, 20, 21, 30, 31], np.uint32)


def test_columns_begin_at_even_places() -> None:
    """Numbers of eight bytes are read where they are aligned, whatever stands before them."""
    columns, starts = cut(RECORDS, np.array([0, 3]), LENGTHS)

    assert [0, 4, 6, 8] == starts.tolist()
    assert [[10, 11, 12], [20, 21], [30, 31]] == [columns[:3].tolist(), columns[4:6].tolist(), columns[6:].tolist()]


def test_records_are_joined_again() -> None:
    """The one undoes the other."""
    records, starts = join(COLUMNS, LENGTHS)

    assert RECORDS.tolist() == records.tolist()
    assert [0, 3, 7] == starts.tolist()


def test_counts_that_are_not_true_are_a_sentence() -> None:
    """A kernel that believed them would write where it must not."""
    with pytest.raises(ValueError, match=r"^The columns of user records are not as long as their counts tell\.$"):
        join(COLUMNS[1:], LENGTHS)
