"""The records of forgotten users: emptied, except for their place in the plays topic."""

import numpy as np
from numpy.typing import NDArray

from model.history import Histories
from state.users.record import NOTHING_APPLIED
from state.users.record_batch import UserRecords, without


def forget(
    records: UserRecords, forget_offsets: NDArray[np.int64], now_s: int
) -> tuple[UserRecords, NDArray[np.bool_]]:
    """Empty the records of users who wish to be forgotten; each keeps its place in the plays topic.

    A wish at or below a user's applied offset was delivered again, and empties nothing: what was played since stays.

    Args:
        records: The users.
        forget_offsets: Where each wished so last, shape (n,); `NOTHING_APPLIED` for a user who did not.
        now_s: When the records are made, in seconds since 1970.

    Returns:
        The records after it, and which users wished it, now or when it was delivered first, shape (n,).
    """
    wished = forget_offsets > NOTHING_APPLIED
    emptied = forget_offsets > records.header["applied_offset"]
    if not emptied.any():
        return records, wished
    header = records.header.copy()
    header[emptied] = np.zeros((), header.dtype)
    header["format"] = records.header["format"]
    header["applied_offset"][emptied], header["listed_at_s"][emptied] = forget_offsets[emptied], now_s
    left = UserRecords(
        header,
        Histories(*without(emptied, *records.histories)),
        records.play_ids.without(emptied),
        records.hidden.without(emptied),
        records.shown.without(emptied),
        records.listed.without(emptied),
        np.where(emptied[:, None], np.float32(0), records.vectors),
    )
    return left, wished
