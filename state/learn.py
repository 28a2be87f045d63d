"""What plays, and wishes to be forgotten, change in their users' records, exactly once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Counts, Floats, Keys, Starts
from model.history import Histories, Plays, add_plays
from state.user_record import NOTHING_APPLIED
from state.user_records import UserRecords, new_users


class PlayColumns(NamedTuple):
    """Plays of `n` users as they came: user after user, each user's by offset."""

    starts: Starts  # (n + 1,)
    offsets: NDArray[np.int64]  # (p,), place in the plays topic
    item_keys: Keys  # (p,)
    weights: Floats  # (p,)
    played_at_s: Counts  # (p,)
    play_ids: Keys  # (p,), 0: the client gave none


def learn(
    records: UserRecords, plays: PlayColumns, history_max: int, play_ids_max: int, half_life_plays: float
) -> tuple[UserRecords, NDArray[np.bool_]]:
    """Apply plays to the records of their users; a play that a record contains already is skipped.

    A play at or below the user's applied offset was delivered again. A play whose id is remembered is a client's own
    retry: it moves the applied offset and changes nothing else.

    Returns:
        The records after the plays, and which users had a play that was delivered again, shape (n,).
    """
    header = records.header.copy()
    applied = np.repeat(header["applied_offset"], np.diff(plays.starts))
    repeated = np.add.reduceat(np.append(plays.offsets <= applied, False), plays.starts[:-1]) > 0
    repeated &= np.diff(plays.starts) > 0
    fresh, id_starts, ids = _fresh(
        plays.starts, plays.offsets, plays.play_ids, header["applied_offset"].copy(),
        records.play_id_starts, records.play_ids, play_ids_max,
    )  # fmt: skip
    kept = np.concatenate(([0], np.cumsum(fresh)))[plays.starts]
    histories, plays_now = add_plays(
        records.histories,
        header["plays"].copy(),
        Plays(kept, plays.item_keys[fresh], plays.weights[fresh], plays.played_at_s[fresh]),
        history_max,
        half_life_plays,
    )
    header["plays"] = plays_now
    touched = np.flatnonzero(np.diff(plays.starts))
    header["applied_offset"][touched] = np.maximum(
        header["applied_offset"][touched], plays.offsets[plays.starts[touched + 1] - 1]
    )
    changed = np.diff(kept) > 0
    if fresh.any():
        latest = np.maximum.reduceat(plays.played_at_s[fresh], kept[:-1][changed])
        header["last_played_s"][changed] = np.maximum(header["last_played_s"][changed], latest)
    return UserRecords(header, histories, id_starts, ids, records.vectors), repeated


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
    starts, columns = _without(emptied, records.histories.starts, records.histories[1:])
    id_starts, (ids,) = _without(emptied, records.play_id_starts, (records.play_ids,))
    vectors = np.where(emptied[:, None], np.float32(0), records.vectors)
    return UserRecords(header, Histories(starts, *columns), id_starts, ids, vectors), wished


def _without(
    emptied: NDArray[np.bool_], starts: Starts, columns: Sequence[NDArray[Any]]
) -> tuple[Starts, list[NDArray[Any]]]:
    """Return compressed rows of which some are emptied."""
    lengths = np.diff(starts)
    kept = ~np.repeat(emptied, lengths)
    return np.concatenate(([0], np.cumsum(np.where(emptied, 0, lengths)))), [column[kept] for column in columns]


@njit(nogil=True, cache=True)
def _fresh(starts, offsets, new_ids, applied, old_starts, old_ids, ids_max):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  numba infers the types
    """Tell which plays are neither delivered again nor retried, and return the remembered ids after them."""
    n = len(starts) - 1
    fresh = np.zeros(len(offsets), np.bool_)
    id_starts, ids = np.zeros(n + 1, np.int64), np.empty(len(old_ids) + len(new_ids), np.uint64)
    for u in range(n):
        head = tail = id_starts[u]
        for i in range(old_starts[u], old_starts[u + 1]):
            ids[tail] = old_ids[i]
            tail += 1
        for i in range(starts[u], starts[u + 1]):
            if offsets[i] <= applied[u]:
                continue
            applied[u] = offsets[i]
            known = False
            if new_ids[i] != 0:
                for j in range(head, tail):
                    known = known or ids[j] == new_ids[i]
                if not known:
                    ids[tail] = new_ids[i]
                    tail += 1
                    head = max(head, tail - ids_max)
            fresh[i] = not known
        for j in range(head, tail):
            ids[id_starts[u] + j - head] = ids[j]
        id_starts[u + 1] = id_starts[u] + tail - head
    return fresh, id_starts, ids[: id_starts[n]]


def warm_up() -> None:
    """Load the kernels of `learn` from numba's cache, or compile them."""
    one = np.ones(1, np.uint64)
    starts, seconds = np.array([0, 1], np.int64), np.ones(1, np.uint32)
    plays = PlayColumns(starts, np.zeros(1, np.int64), one, np.ones(1, np.float32), seconds, one)
    learn(new_users(1, 2), plays, history_max=1, play_ids_max=1, half_life_plays=1.0)
