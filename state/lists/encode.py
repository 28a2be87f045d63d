"""Recommendations as they travel."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from model.arrays import Rows
from state.generations.generation import Generation
from state.lists.build import Lists, kinds_of
from state.lists.explain_lists import Because, explain_lists
from state.lists.publish_policy import REASONS, Publishing
from streams.settings import Settings


def encode_lists(
    users: Mapping[int, Sequence[bytes]],
    header: NDArray[np.void],
    lists: Lists,
    found: Publishing,
    generation: Generation,
    settings: Settings,
    now_ms: int,
    **marks: bool,
) -> dict[int, bytes]:
    """Encode the lists that are due as JSON of `streams.messages.records.Recommendations`, with their reasons.

    Args:
        users: The users, by partition.
        header: Their records' headers.
        lists: Their lists.
        found: Which go out.
        generation: What the lists were made with.
        settings: When lists expire, and how many reasons an item has.
        now_ms: The clock, in milliseconds since 1970.
        marks: More fields that all of them have.

    Returns:
        The message of every user whose list is due, by the user's number.
    """
    item_ids, kinds = generation.item_ids[lists.rows], kinds_of(lists)
    lengths = (lists.rows >= 0).sum(axis=1).tolist()
    offsets, plays = header["applied_offset"].tolist(), header["plays"].tolist()
    head = {"generation": generation.id, "revision": generation.revision.number, "made_at_ms": now_ms,
            "expires_at_ms": now_ms + 1000 * settings.list_expires_s, **marks}  # fmt: skip
    because = explain_lists(lists, found.due, generation, settings.because_n)
    explained, splits = set(because.users.tolist()), _splits(because, lists.rows[because.users], generation)
    places = [(partition, key) for partition, keys in users.items() for key in keys]
    messages = {}
    for number in np.flatnonzero(found.due).tolist():
        (partition, key), n = places[number], lengths[number]
        messages[number] = orjson.dumps(
            {
                "user_id": key.decode(),
                "kind": kinds[number],
                **head,
                "partition": partition,
                "offset": offsets[number],
                "plays": plays[number],
                "reason": REASONS[found.reasons[number]],
                "items": item_ids[number, :n].tolist(),
                "scores": lists.scores[number, :n],
                **(next(splits) if number in explained else _NOTHING),
            },
            option=orjson.OPT_SERIALIZE_NUMPY,
        )
    return messages


_NOTHING: dict[str, Any] = {"because": [], "because_scores": [], "because_rest": []}


def _splits(because: Because, listed: Rows, generation: Generation) -> Iterator[dict[str, Any]]:
    """Yield how the scores of every explained list, whose item rows are given, are split, as it travels.

    One at a time: so many lists at once would call the garbage collector, again and again.
    """
    ids = generation.item_ids[because.rows]
    counts, lengths = (because.rows >= 0).sum(axis=2), (listed >= 0).sum(axis=1).tolist()
    full = ((counts == because.rows.shape[2]) | (listed < 0)).all(axis=1).tolist()
    for place, n in enumerate(lengths):
        own: list[Any] = ids[place, :n].tolist()
        shares: Iterable[Any] = because.shares[place, :n]
        if not full[place]:  # somebody with fewer plays than an item may have reasons
            kept = counts[place, :n].tolist()
            own = [found[:k] for found, k in zip(own, kept, strict=True)]
            shares = [found[:k] for found, k in zip(shares, kept, strict=True)]
        yield {"because": own, "because_scores": shares, "because_rest": because.rest[place, :n]}
