"""Lists encoded as recommendations."""

from collections.abc import Mapping, Sequence

import numpy as np
import orjson

from model.arrays import Starts
from state.lists.build import Lists
from state.lists.context import ListContext
from state.lists.explain_lists import Extent, explain_lists
from state.lists.list_text import ListHeads, ListReasons, write_lists
from state.lists.publish_policy import Publishing
from state.users.record_batch import UserRecords
from streams.settings import Settings


class ListEncoder:
    """Encodes lists as JSON of `streams.messages.records.Recommendations`.

    A private list is marked, expires sooner, and has no reasons: it must not name a private play.
    """

    def __init__(self, settings: Settings, *, private: bool = False) -> None:
        """Read from the settings when lists expire, and how many reasons an item has."""
        because_n = 0 if private else settings.lists.because_n
        self._extent = Extent(settings.lists.because_items_n, because_n)
        self._expires_ms = 1000 * (settings.private.expires_s if private else settings.lists.expires_s)
        self._marks = {"private": True} if private else {}

    def encode(
        self,
        users: Mapping[int, Sequence[bytes]],
        records: UserRecords,
        lists: Lists,
        context: ListContext,
        publishing: Publishing,
    ) -> dict[int, bytes]:
        """Encode the lists that are due, with their reasons.

        Args:
            users: The users, by partition.
            records: Their records.
            lists: Their lists.
            context: The context that the lists were built under.
            publishing: Which lists are due, and why.

        Returns:
            The message of every due list, by the user's number.
        """
        generation, due = context.generation, publishing.due.nonzero()[0]
        if not len(due):
            return {}
        because = explain_lists(lists, publishing.due, generation, self._extent)
        numbers = _numbers_of(users, records, lists, publishing)
        numbers[because.users, 5] = 1
        every = [key for keys in users.values() for key in keys]
        heads = ListHeads([every[number].decode() for number in due.tolist()], numbers[due])
        best = (lists.rows[due], lists.scores[due]) if len(due) < len(lists.rows) else (lists.rows, lists.scores)
        reasons = ListReasons(because.rows, because.shares, because.rest)
        written = write_lists(self._shared(context), heads, generation.json_ids, best, reasons)
        return dict(zip(due.tolist(), written, strict=True))

    def _shared(self, context: ListContext) -> bytes:
        """Return the fields that all lists of a batch share, behind a comma."""
        shared = {
            "generation": context.generation.id,
            "revision": context.generation.revision.number,
            "made_at_ms": context.now_ms,
            "expires_at_ms": context.now_ms + self._expires_ms,
            **self._marks,
        }
        return b"," + orjson.dumps(shared)[1:-1]


def _numbers_of(
    users: Mapping[int, Sequence[bytes]], records: UserRecords, lists: Lists, publishing: Publishing
) -> Starts:
    """Return the numbers of `ListHeads` of all users, of lists without reasons."""
    numbers, header = np.zeros((len(lists.rows), 6), np.int64), records.header
    numbers[:, 0] = lists.personal
    numbers[:, 0] += lists.blended
    numbers[:, 1] = [partition for partition, keys in users.items() for _ in keys]
    numbers[:, 2], numbers[:, 3], numbers[:, 4] = header["applied_offset"], header["plays"], publishing.reasons
    return numbers
