"""Compressed rows, against lists of lists."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.ragged import RaggedRows, WeightedRows, ragged_rows

Lists = list[list[int]]
lists = st.lists(st.lists(st.integers(-1, 9), max_size=4), max_size=6)


def ragged_of(rows: Sequence[Sequence[int]]) -> RaggedRows:
    """Return lists as compressed rows."""
    return ragged_rows([np.array(part, np.int32) for part in rows])


def lists_of(ragged: RaggedRows) -> Lists:
    """Return compressed rows as lists."""
    bounds = zip(ragged.starts[:-1].tolist(), ragged.starts[1:].tolist(), strict=True)
    return [ragged.rows[low:high].tolist() for low, high in bounds]


@given(lists)
def test_rows_are_those_of_each_user(rows: Lists) -> None:
    """With their number, their users, and how many each has."""
    ragged = ragged_of(rows)

    assert rows == lists_of(ragged)
    assert len(rows) == ragged.n_users
    assert [len(part) for part in rows] == ragged.lengths.tolist()
    assert [user for user, part in enumerate(rows) for _ in part] == ragged.users.tolist()


@given(lists, st.data())
def test_a_part_has_the_rows_of_some_users(rows: Lists, data: st.DataObject) -> None:
    """In the order in which they are named, also twice."""
    users = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []

    assert [rows[user] for user in users] == lists_of(ragged_of(rows).part(np.array(users, np.int64)))


@given(lists)
def test_selected_entries_stay_with_their_users(rows: Lists) -> None:
    """A user may have none left."""
    ragged = ragged_of(rows)

    assert [[row for row in part if row > 3] for part in rows] == lists_of(ragged.select(ragged.rows > 3))


@given(lists)
def test_emptied_users_have_no_rows(rows: Lists) -> None:
    """All others keep theirs."""
    emptied = np.arange(len(rows)) % 2 == 0

    expected = [[] if empty else part for part, empty in zip(rows, emptied.tolist(), strict=True)]
    assert expected == lists_of(ragged_of(rows).without(emptied))


@given(lists, st.data())
def test_joined_rows_are_those_of_both(rows: Lists, data: st.DataObject) -> None:
    """For each user, the first ones first."""
    others = data.draw(st.lists(st.lists(st.integers(-1, 9), max_size=4), min_size=len(rows), max_size=len(rows)))

    joined = ragged_of(rows).join(ragged_of(others))

    assert [part + other for part, other in zip(rows, others, strict=True)] == lists_of(joined)


def test_every_column_goes_the_same_way() -> None:
    """Rows keep their weights."""
    signals = WeightedRows(np.array([0, 2, 3]), np.array([5, 6, 7], np.int32), np.array([0.5, 0.6, 0.7], np.float32))

    part = signals.part(np.array([1, 0])).select(np.array([True, False, True]))

    assert [0, 1, 2] == part.starts.tolist()
    assert [7, 6] == part.rows.tolist()
    np.testing.assert_allclose([0.7, 0.6], part.weights)
