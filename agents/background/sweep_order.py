"""The listeners of a sweep, by their last play, latest first."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from agents.background.refold_groups import UserGroup
from state.users.partition import PartitionState
from state.users.record_bytes import are_forgotten, headers_of

USERS_MAX = 1_000_000
"""Most listeners in memory, at about 75 bytes. A sweep of more scans the records again for the next ones."""
SCANNED = 250
"""Records scanned at once, less than a millisecond."""


class SweepOrder:
    """The listeners that are not folded under a generation yet, of several partitions.

    Within a partition they are in the order of their last play. Groups of all partitions take turns in rounds: every
    listener of a round played later than every listener of the next one.

    Attributes:
        n_users: Listeners scanned, per partition.
        n_left: Listeners to fold, per partition.
        is_whole: Whether all of them are in memory; otherwise those of the latest plays.
    """

    def __init__(self, generation_key: int, silent_before_s: float = 0.0, users_max: int = USERS_MAX) -> None:
        """Take listeners of other generations than this one.

        Args:
            generation_key: Key of the generation.
            silent_before_s: Listeners with a list whose last play is older are left out, in seconds since 1970.
            users_max: Most listeners in memory.
        """
        self._key, self._silent_before_s, self._users_max = np.uint64(generation_key), silent_before_s, users_max
        self._keys: list[bytes] = []
        self._played: list[NDArray[np.uint32]] = []
        self._partitions: list[NDArray[np.uint32]] = []
        self.n_users, self.n_left = Counter[int](), Counter[int]()
        self.is_whole = True

    def __len__(self) -> int:
        """Return the number of listeners in memory."""
        return len(self._keys)

    def scan(self, partition: int, state: PartitionState) -> Iterator[int]:
        """Take the listeners of a partition, a part at every step; yield how many were scanned."""
        after = b""
        while scanned := state.users(after, SCANNED):
            self._add(partition, scanned)
            after = scanned[-1][0]
            yield len(scanned)

    def _add(self, partition: int, scanned: Sequence[tuple[bytes, bytes]]) -> None:
        headers = headers_of([value for _, value in scanned])
        is_left = (headers["generation_key"] != self._key) & ~are_forgotten(headers)
        is_silent = is_left & (headers["last_played_s"] < self._silent_before_s) & (headers["listed_at_ms"] > 0)
        self.n_users[partition] += len(scanned)
        places = (is_left & ~is_silent).nonzero()[0]
        self.n_left[partition] += len(places)
        self._keys += [scanned[place][0] for place in places.tolist()]
        self._played.append(headers["last_played_s"][places])
        self._partitions.append(np.full(len(places), partition, np.uint32))
        if len(self._keys) >= 2 * self._users_max:
            self._trim()

    def _trim(self) -> None:
        """Drop the listeners of the oldest last plays."""
        played, partitions = np.concatenate(self._played), np.concatenate(self._partitions)
        latest = np.sort(np.argpartition(played, -self._users_max)[-self._users_max :])
        self._keys = [self._keys[place] for place in latest.tolist()]
        self._played, self._partitions, self.is_whole = [played[latest]], [partitions[latest]], False

    def groups(self, n_users: Callable[[], int]) -> Iterator[UserGroup]:
        """Yield groups of at most `n_users` listeners, of one partition each."""
        if len(self._keys) > self._users_max:
            self._trim()
        played = np.concatenate([np.zeros(0, np.uint32), *self._played])
        partitions = np.concatenate([np.zeros(0, np.uint32), *self._partitions])
        order = np.argsort(~played, kind="stable")
        first = 0
        while first < len(order):
            n = n_users()
            round_ = order[first : first + n * max(1, len(self.n_users))]
            first += len(round_)
            for partition in np.unique(partitions[round_]).tolist():
                keys = iter([self._keys[place] for place in round_[partitions[round_] == partition].tolist()])
                while part := list(islice(keys, n)):
                    yield UserGroup(partition, part, len(part))
