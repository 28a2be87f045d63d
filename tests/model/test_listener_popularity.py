"""The contribution of a listener to the popularity of an item."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.history import Histories
from model.listener_popularity import LISTENER_MAX, Contributions, Signals, contributions

HALF_LIFE_S = 100.0
Entry = tuple[int, float, int]
ENTRIES = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([1.0, 0.25, 2.0, -1.0]), st.integers(1, 500)), max_size=6
)


def contribution(signals: list[Entry], item: int) -> tuple[float, int]:
    """Return the contribution of all signals for an item, and as of when it is, in lines that anybody can check."""
    liked = [(weight, at_s) for key, weight, at_s in signals if key == item and weight > 0]
    latest = max((at_s for _, at_s in liked), default=0)
    total = sum(weight * 2 ** ((at_s - latest) / HALF_LIFE_S) for weight, at_s in liked)
    return min(total, LISTENER_MAX), latest


def computed(histories: list[list[Entry]], signals: list[list[Entry]]) -> Contributions:
    """Return the kernel's result for the signals with a weight above 0."""
    old, new = ([entry for user in users for entry in user] for users in (histories, signals))
    starts, new_starts = (np.cumsum([0, *map(len, users)]) for users in (histories, signals))
    columns: list[Any] = [np.array(column) for column in zip(*old, strict=True)] if old else [np.zeros(0)] * 3
    keys, weights, at_s = (np.array([entry[place] for entry in new]) for place in range(3))
    return contributions(
        Histories(starts, columns[0], columns[1], np.zeros(len(old), np.uint32), columns[2]),
        Signals(new_starts, keys, weights, at_s, weights > 0),
        HALF_LIFE_S,
    )


@given(st.lists(st.tuples(ENTRIES, ENTRIES), min_size=1, max_size=3))
def test_every_signal_changes_the_contribution_of_its_listener(users: list[tuple[list[Entry], list[Entry]]]) -> None:
    """From that of all signals before it to that with it, whichever of them are in the history already."""
    changes = computed([old for old, _ in users], [new for _, new in users])

    expected = []
    for old, new in users:
        for place, (item, weight, _) in enumerate(new):
            if weight > 0:
                expected.append((*contribution(old + new[:place], item), *contribution(old + new[: place + 1], item)))
    computed_rows = list(zip(*(column.tolist() for column in changes), strict=True))
    assert len(expected) == len(computed_rows)
    for wanted, got in zip(expected, computed_rows, strict=True):
        assert got == pytest.approx(wanted, rel=1e-5)


def test_five_hundred_plays_count_as_one() -> None:
    """The first one counts, and the others keep it fresh."""
    changes = computed([[]], [[(7, 1.0, at_s) for at_s in range(1, 501)]])

    assert [0.0] + [1.0] * 499 == changes.before.tolist()
    assert [1.0] * 500 == changes.after.tolist()
    assert 500 == changes.after_s[-1]
