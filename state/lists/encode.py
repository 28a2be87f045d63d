"""Lists encoded as recommendations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from model.arrays import Rows
from state.generations.generation import Generation
from state.lists.build import Lists, kinds_of
from state.lists.context import ListContext
from state.lists.explain_lists import Because, explain_lists
from state.lists.publish_policy import REASONS, Publishing
from state.users.record_batch import UserRecords
from streams.positions import epoch_of, offset_of
from streams.settings import Settings


class ListEncoder:
    """Encodes lists as JSON of `streams.messages.records.Recommendations`.

    A private list is marked, expires sooner, and has no reasons: it must not name a private play.
    """

    def __init__(self, settings: Settings, *, private: bool = False) -> None:
        """Read from the settings when lists expire, and how many reasons an item has."""
        self._because_n = 0 if private else settings.lists.because_n
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
        generation, header = context.generation, records.header
        item_ids, kinds = generation.item_ids[lists.rows], kinds_of(lists)
        lengths = (lists.rows >= 0).sum(axis=1).tolist()
        positions, plays = header["applied_offset"].tolist(), header["plays"].tolist()
        because = explain_lists(lists, publishing.due, generation, self._because_n)
        explained, splits = set(because.users.tolist()), _splits(because, lists.rows[because.users], generation)
        head = self._head(context)
        places = [(partition, key) for partition, keys in users.items() for key in keys]
        messages = {}
        for number in publishing.due.nonzero()[0].tolist():
            (partition, key), n = places[number], lengths[number]
            messages[number] = orjson.dumps(
                {
                    "user_id": key.decode(),
                    "kind": kinds[number],
                    **head,
                    "partition": partition,
                    "offset": offset_of(positions[number]),
                    **_epoch_field(positions[number]),
                    "plays": plays[number],
                    "reason": REASONS[publishing.reasons[number]],
                    "items": item_ids[number, :n].tolist(),
                    "scores": lists.scores[number, :n],
                    **(next(splits) if number in explained else _NOTHING),
                },
                option=orjson.OPT_SERIALIZE_NUMPY,
            )
        return messages

    def _head(self, context: ListContext) -> dict[str, Any]:
        """Return the fields that all lists of a batch share."""
        return {
            "generation": context.generation.id,
            "revision": context.generation.revision.number,
            "made_at_ms": context.now_ms,
            "expires_at_ms": context.now_ms + self._expires_ms,
            **self._marks,
        }


def _epoch_field(position: int) -> dict[str, int]:
    """Return the field of a list's epoch, which is left out in epoch 0."""
    epoch = epoch_of(position)
    return {"epoch": epoch} if epoch else {}


_NOTHING: dict[str, Any] = {"because": [], "because_scores": [], "because_rest": []}


def _splits(because: Because, listed: Rows, generation: Generation) -> Iterator[dict[str, Any]]:
    """Yield the fields with the split scores of every explained list, whose item rows are given.

    The lists are made one at a time, since so many lists at once would trigger the garbage collector repeatedly.
    """
    ids = generation.item_ids[because.rows]
    counts, lengths = (because.rows >= 0).sum(axis=2), (listed >= 0).sum(axis=1).tolist()
    full = ((counts == because.rows.shape[2]) | (listed < 0)).all(axis=1).tolist()
    for place, n in enumerate(lengths):
        names: list[Any] = ids[place, :n].tolist()
        shares: Iterable[Any] = because.shares[place, :n]
        if not full[place]:  # a listener with fewer plays than an item may have reasons
            lengths_of = counts[place, :n].tolist()
            names = [every[:k] for every, k in zip(names, lengths_of, strict=True)]
            shares = [every[:k] for every, k in zip(shares, lengths_of, strict=True)]
        yield {"because": names, "because_scores": shares, "because_rest": because.rest[place, :n]}
