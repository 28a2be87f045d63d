"""The kernels that compare lists with those before; `test_publish_policy.py` tests the decisions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from state.lists.list_changes import mean_score, shared

MARKS = np.arange(100, 140, dtype=np.uint32)


@given(
    st.lists(st.integers(0, 39), unique=True, max_size=9),
    st.lists(st.integers(0, 39), unique=True, max_size=4),
    st.integers(1, 6),
)
def test_the_shared_items_are_those_of_the_sets(before: list[int], now: list[int], k: int) -> None:
    """The order of the items does not matter, nor their number."""
    rows = np.array([*now, *[-1] * (4 - len(now))], np.int32)

    share = shared(rows, MARKS[np.array(before, np.int64)], MARKS, k)

    assert len({*before[:k]} & {*now[:k]}) / max(1, len(now[:k])) == share


def test_padding_has_no_score() -> None:
    """A mean is that of the listed items among the first ones."""
    assert [1.5, 0.0, 1.0] == [
        mean_score(np.array(scores, np.float32), k)
        for scores, k in (([1, 2, -np.inf], 3), ([-np.inf] * 3, 3), ([1, 2, 3], 1))
    ]
