"""Recommendations as they travel."""

from collections.abc import Mapping, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from state.generation import Generation
from state.publishing import REASONS, Publishing
from state.relist import Lists, kinds_of
from streams.settings import Settings


def encode_lists(
    users: Mapping[int, Sequence[bytes]],
    header: NDArray[np.void],
    lists: Lists,
    found: Publishing,
    generation: Generation,
    settings: Settings,
    now_ms: int,
) -> dict[int, bytes]:
    """Write the lists that are due, as JSON of `streams.records.Recommendations`.

    Returns:
        The message of every user whose list is due, by the user's number.
    """
    item_ids, kinds = generation.item_ids[lists.rows], kinds_of(lists)
    lengths = (lists.rows >= 0).sum(axis=1).tolist()
    wanted, reasons = found.due.tolist(), [REASONS[code] for code in found.reasons.tolist()]
    offsets, plays = header["applied_offset"].tolist(), header["plays"].tolist()
    head = {"generation": generation.id, "revision": generation.revision.number, "made_at_ms": now_ms,
            "expires_at_ms": now_ms + 1000 * settings.list_expires_s}  # fmt: skip
    messages, number = {}, 0
    for partition, keys in users.items():
        for key in keys:
            if wanted[number]:
                n = lengths[number]
                messages[number] = orjson.dumps(
                    {
                        "user_id": key.decode(),
                        "kind": kinds[number],
                        **head,
                        "partition": partition,
                        "offset": offsets[number],
                        "plays": plays[number],
                        "reason": reasons[number],
                        "items": item_ids[number, :n].tolist(),
                        "scores": lists.scores[number, :n],
                    },
                    option=orjson.OPT_SERIALIZE_NUMPY,
                )
            number += 1
    return messages
