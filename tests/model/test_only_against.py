"""Items with signals against them alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.only_against import only_against

SIGNALS = st.lists(st.tuples(st.sampled_from([1, 2, 3, 2 + 4096, 3 + 8192]), st.sampled_from([1.0, 0.0, -0.0, -2.0])))


@given(st.lists(SIGNALS, max_size=4))
def test_an_item_is_flagged_unless_its_listener_has_a_signal_for_it(histories: list[list[tuple[int, float]]]) -> None:
    """Also where the low bits of two keys are equal; other listeners do not count."""
    starts = np.cumsum([0, *map(len, histories)])
    flat = [signal for history in histories for signal in history]
    keys, values = np.array([key for key, _ in flat], np.uint64), np.array([value for _, value in flat], np.float32)

    expected = []
    for history in histories:
        liked = {key for key, value in history if not np.signbit(value)}
        expected += [key not in liked for key, _ in history]
    assert expected == only_against(starts, keys, values).tolist()
