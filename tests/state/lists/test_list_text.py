"""Lists as JSON, against the same lists made of Python objects."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Floats
from state.json_strings import JsonStrings, json_strings
from state.lists.list_text import ListHeads, ListReasons, write_lists
from streams.positions import epoch_of, offset_of, position_of

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SHARED = {"generation": 'a "b"', "revision": 3, "made_at_ms": 1_795_478_400_021, "private": True}
WORDS = ("popular", "personal", "blended", "changed", "first")
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)
POSITIONS = st.one_of(
    st.just(-1), st.builds(position_of, st.integers(0, 32_767), st.one_of(st.just(0), st.integers(0, 2**48 - 1)))
)


def strings(texts: Sequence[str]) -> JsonStrings:
    """Return strings as the kernel takes them."""
    return json_strings(np.frombuffer(orjson.dumps(texts), np.uint8), len(texts))


def numbers(values: Floats) -> Any:
    """Return numbers of single precision as a reader of JSON gets them."""
    return json.loads(orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY))


def plain(
    heads: Sequence[Sequence[int]], users: list[str], ids: list[str], best: tuple[Any, Any], reasons: ListReasons
) -> list[dict[str, Any]]:
    """Return lists as objects: the plain twin."""
    made, e = [], 0
    for u, (kind, partition, position, plays, reason) in enumerate(heads):
        rows = [row for row in best[0][u].tolist() if row >= 0]
        names, shares, rest = [], [], []
        if reasons.explained[u]:
            for i in range(min(len(rows), reasons.rows.shape[1])):
                named = [row for row in reasons.rows[e, i].tolist() if row >= 0]
                names.append([ids[row] for row in named])
                shares.append(numbers(reasons.shares[e, i, : len(named)]))
            rest, e = numbers(reasons.rest[e, : len(names)]), e + 1
        epoch = {"epoch": epoch_of(position)} if epoch_of(position) else {}
        made.append(
            {
                "user_id": users[u], "kind": WORDS[kind], **SHARED, "partition": partition,
                "offset": offset_of(position), **epoch, "plays": plays, "reason": WORDS[reason],
                "items": [ids[row] for row in rows], "scores": numbers(best[1][u, : len(rows)]),
                "because": names, "because_scores": shares, "because_rest": rest,
            }
        )  # fmt: skip
    return made


def padded(data: st.DataObject, shape: tuple[int, ...], n_ids: int) -> Any:
    """Draw item rows whose last axis is padded with -1."""
    rows = np.full(shape, -1, np.int32)
    for place in np.ndindex(shape[:-1]):
        drawn = data.draw(st.lists(st.integers(0, n_ids - 1), max_size=shape[-1]))
        rows[place][: len(drawn)] = drawn
    return rows


def singles(data: st.DataObject, shape: tuple[int, ...]) -> Floats:
    """Draw numbers of single precision."""
    n = math.prod(shape)
    return np.array(data.draw(st.lists(SINGLES, min_size=n, max_size=n)), np.float32).reshape(shape)


@given(st.lists(IDS, min_size=1, max_size=6), st.lists(IDS, min_size=1, max_size=4), st.data())
def test_lists_are_those_made_of_objects(ids: list[str], users: list[str], data: st.DataObject) -> None:
    """Whatever the ids, the lengths of lists and reasons, and the numbers: the same values, as the encoder of before.

    Ids have quotes, backslashes, control and other characters; padding has no place in the JSON.
    """
    n, list_n, items_n, m = len(users), *(data.draw(st.integers(1, 4)) for _ in range(3))
    head = st.tuples(st.integers(0, 2), st.integers(0, 2**31), POSITIONS, st.integers(0, 2**32 - 1), st.integers(3, 4))
    heads = data.draw(st.lists(head, min_size=n, max_size=n))
    best = padded(data, (n, list_n), len(ids)), singles(data, (n, list_n))
    best[1][best[0] < 0] = -np.inf
    explained = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    shape = int(explained.sum()), min(items_n, list_n), m
    rows = padded(data, shape, len(ids))
    reasons = ListReasons(explained, rows, singles(data, shape), singles(data, shape[:2]))

    shared = b"," + orjson.dumps(SHARED)[1:-1]
    of_lists = ListHeads(strings(users), strings(WORDS), np.array(heads, np.int64))
    written = write_lists(shared, of_lists, strings(ids), best, reasons)

    assert plain(heads, users, ids, best, reasons) == [json.loads(message) for message in written]


def test_the_array_of_bytes_has_room_for_the_longest_numbers() -> None:
    """The largest whole numbers and the longest numbers of single precision, in every place."""
    n, ids = 200, ["\x01" * 128]
    heads = np.tile(np.array([1, 2**31 - 1, position_of(32_767, 2**48 - 1), 2**32 - 1, 3], np.int64), (n, 1))
    longest = np.float32(-1.1754944e-38)
    best = np.zeros((n, 3), np.int32), np.full((n, 3), longest)
    reasons = ListReasons(np.ones(n, np.bool_), np.zeros((n, 3, 5), np.int32), np.full((n, 3, 5), longest), best[1])
    users = ["\x02" * 128] * n

    shared = b"," + orjson.dumps(SHARED)[1:-1]
    written = write_lists(shared, ListHeads(strings(users), strings(WORDS), heads), strings(ids), best, reasons)

    assert 1 == len(set(written))
    assert plain(heads[:1].tolist(), users[:1], ids, best, reasons) == [json.loads(written[0])]
