"""Rows of item keys, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.key_index import KeyIndex

KEYS = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40), unique=True, max_size=60)


@given(KEYS, KEYS)
def test_every_key_has_its_row(known: list[int], others: list[int]) -> None:
    """Keys that are near each other too, which hashes never are; an unknown key has none."""
    ordered = np.sort(np.array(known, np.uint64))
    rows = np.arange(len(known), dtype=np.int32)[::-1]
    wanted = [*known, *others]

    places = KeyIndex.of(ordered, rows).find(np.array(wanted, np.uint64))

    expected = dict(zip(ordered.tolist(), rows.tolist(), strict=True))
    assert [expected.get(key, -1) for key in wanted] == places.tolist()
