"""The words of records, record after record and column after column; `test_record_batch.py` tests every part."""

import numpy as np
import pytest

from state.users.record import HEADER, UserRecord
from state.users.record_batch import pack, unpack
from state.users.record_columns import HEADER_WORDS, cut

RECORD = UserRecord(applied_offset=7, plays=3, play_ids=[1], listed=[5], hidden=[9, 10])


def test_columns_begin_at_even_places() -> None:
    """Numbers of eight bytes are read at aligned offsets, after columns of any length."""
    words = np.frombuffer(RECORD.encode(), np.uint32)

    columns, places, parts = cut(words, np.array([0, len(words)]), np.zeros((1, 2), np.float32))

    assert [0] * len(places) == (places[:, 0] % 2).tolist()
    assert [[0, 0], [0, 1], [0, 2], [0, 0], [0, 1], [0, 0]] == parts.tolist()
    assert 3 == columns[:HEADER_WORDS].view(HEADER)["plays"][0]


@pytest.mark.parametrize("part", ["play_ids", "hidden", "listed"])
def test_counts_that_are_not_true_are_a_sentence(part: str) -> None:
    """A kernel that believed them would write where it must not."""
    records = unpack([RECORD.encode()], 2)
    starts = getattr(records, part).starts
    starts[-1] += 1

    with pytest.raises(ValueError, match=r"^The columns of user records are not as long as their counts tell\.$"):
        pack(records)
