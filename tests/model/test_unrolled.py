"""Histories before many moments: the same as summing over all plays at each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.unrolled import Unrolled, unroll, unroll_plain

PLAYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans()), max_size=40)
HALF_LIVES = st.sampled_from([0.5, 2.0, 5.0, np.inf])


def by_item(found: Unrolled) -> list[dict[int, float]]:
    """Return every history as weights by item."""
    parts = [slice(*found.starts[m : m + 2]) for m in range(len(found.starts) - 1)]
    return [dict(zip(found.items[part].tolist(), found.weights[part].tolist(), strict=True)) for part in parts]


@given(PLAYS, HALF_LIVES)
def test_the_kernel_equals_its_plain_twin(plays: list[tuple[int, int, bool]], half_life: float) -> None:
    """Kernel and plain Python write down the same items with the same weights, whoever played them how often."""
    ordered = sorted(plays, key=lambda play: play[0])
    users, items, moments = np.array(ordered, np.int64).reshape(-1, 3).T
    columns = np.searchsorted(users, np.arange(5)), items.astype(np.int32), (1 + items % 3 / 4).astype(np.float32)

    expected = by_item(unroll_plain(*columns, moments.astype(np.bool_), half_life))
    found = by_item(unroll(*columns, moments.astype(np.bool_), half_life))

    assert [history.keys() for history in expected] == [history.keys() for history in found]
    for plain, fast in zip(expected, found, strict=True):
        assert plain == pytest.approx(fast, rel=1e-5)


def test_a_repeat_raises_what_is_left_of_the_item() -> None:
    """Before a listener's fourth play the first item is worth its last play and half of a half of the one before."""
    starts, items = np.array([0, 4]), np.array([7, 8, 7, 9], np.int32)
    moments = np.array([False, False, False, True])

    found = unroll(starts, items, np.ones(4, np.float32), moments, half_life_plays=1.0)

    assert [{7: 1.25, 8: 0.5}] == by_item(found)
