"""The records of forgotten users: emptied, except for their place in the plays topic."""

import numpy as np
from numpy.typing import NDArray

from model.arrays import has_any
from model.history import Histories
from state.users.record import NOTHING_APPLIED
from state.users.record_batch import UserRecords, without


def forget(
    records: UserRecords, forget_offsets: NDArray[np.int64], now_s: int
) -> tuple[UserRecords, NDArray[np.bool_]]:
    """Empty the records of users with a request to be forgotten; a record keeps its applied offset.

    A request at or below a user's applied offset is a redelivery and is ignored, so later plays stay.

    Args:
        records: The users.
        forget_offsets: Offset of each user's latest request, shape (n,); `NOTHING_APPLIED` for none.
        now_s: Time of the new records, in seconds since 1970.

    Returns:
        The new records, and a flag for every user with a request, redeliveries included, shape (n,).
    """
    requested = forget_offsets > NOTHING_APPLIED
    emptied = forget_offsets > records.header["applied_offset"]
    if not has_any(emptied):
        return records, requested
    header = records.header.copy()
    header[emptied] = np.zeros((), header.dtype)
    header["format"] = records.header["format"]
    header["applied_offset"][emptied], header["listed_at_s"][emptied] = forget_offsets[emptied], now_s
    remaining = UserRecords(
        header,
        Histories(*without(emptied, *records.histories)),
        records.play_ids.without(emptied),
        records.hidden.without(emptied),
        records.shown.without(emptied),
        records.listed.without(emptied),
        records.days.without(emptied),
        np.where(emptied[:, None], np.float32(0), records.vectors),
    )
    return remaining, requested
