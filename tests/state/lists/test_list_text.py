"""Lists as JSON, against the same lists made of Python objects."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Floats, Rows
from state.json_strings import JsonStrings, json_strings
from state.lists.build import KINDS
from state.lists.list_text import ListHeads, ListReasons, write_lists
from state.lists.publish_policy import REASONS
from streams.positions import epoch_of, offset_of, position_of

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SHARED = {"generation": 'a "b"', "revision": 3, "made_at_ms": 1_795_478_400_021, "private": True}


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
    for u, (kind, partition, position, plays, reason, is_explained) in enumerate(heads):
        rows = [row for row in best[0][u].tolist() if row >= 0]
        names, shares, rest = [], [], []
        if is_explained:
            for i in range(min(len(rows), reasons.rows.shape[1])):
                named = [row for row in reasons.rows[e, i].tolist() if row >= 0]
                names.append([ids[row] for row in named])
                shares.append(numbers(reasons.shares[e, i, : len(named)]))
            rest, e = numbers(reasons.rest[e, : len(names)]), e + 1
        epoch = {"epoch": epoch_of(position)} if epoch_of(position) else {}
        made.append(
            {
                "user_id": users[u], "kind": KINDS[kind], **SHARED, "partition": partition,
                "offset": offset_of(position), **epoch, "plays": plays, "reason": REASONS[reason],
                "items": [ids[row] for row in rows], "scores": numbers(best[1][u, : len(rows)]),
                "because": names, "because_scores": shares, "because_rest": rest,
            }
        )  # fmt: skip
    return made


def padded(rng: np.random.Generator, shape: tuple[int, ...], n_ids: int) -> Rows:
    """Draw item rows whose last axis is padded with -1."""
    rows, lengths = rng.integers(0, n_ids, shape), rng.integers(0, shape[-1] + 1, shape[:-1])
    return np.where(np.arange(shape[-1]) < lengths[..., None], rows, -1).astype(np.int32)


def singles(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw finite numbers of single precision of any size, and some round ones."""
    drawn = rng.integers(0, 2**32, shape, np.uint32).view(np.float32)
    return np.where(np.isfinite(drawn) & (rng.random(shape) < 0.9), drawn, rng.integers(-3, 4, shape)).astype(
        np.float32
    )


def drawn_heads(rng: np.random.Generator, n: int) -> list[list[int]]:
    """Draw the heads of lists: of any epoch, or of no play."""
    positions = [-1, 0, 2**48 - 1, position_of(1, 0), position_of(32_767, 2**48 - 1), *rng.integers(0, 2**63, 5)]
    columns = (
        rng.integers(0, 3, n), rng.integers(0, 2**31, n), rng.choice(positions, n), rng.integers(0, 2**32, n),
        rng.integers(0, 5, n), rng.integers(0, 2, n),
    )  # fmt: skip
    return [list(map(int, head)) for head in zip(*columns, strict=True)]


@given(st.lists(IDS, min_size=1, max_size=6), st.lists(IDS, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_lists_are_those_made_of_objects(ids: list[str], users: list[str], seed: int) -> None:
    """Of any ids, lengths of lists and reasons, and numbers: the same values, as the encoder of before.

    Ids have quotes, backslashes, control and other characters; padding has no place in the JSON.
    """
    rng, n = np.random.default_rng(seed), len(users)
    list_n, items_n, m = rng.integers(1, 6, 3).tolist()
    heads = drawn_heads(rng, n)
    rows = padded(rng, (n, list_n), len(ids))
    best = rows, np.where(rows < 0, np.float32(-np.inf), singles(rng, rows.shape))
    shape = sum(is_explained for *_, is_explained in heads), min(items_n, list_n), m
    reasons = ListReasons(padded(rng, shape, len(ids)), singles(rng, shape), singles(rng, shape[:2]))

    shared = b"," + orjson.dumps(SHARED)[1:-1]
    written = write_lists(shared, ListHeads(users, np.array(heads, np.int64)), strings(ids), best, reasons)

    assert plain(heads, users, ids, best, reasons) == [json.loads(message) for message in written]


def test_the_array_of_bytes_has_room_for_the_longest_numbers() -> None:
    """The largest whole numbers and the longest numbers of single precision, in every place."""
    n, ids = 200, ["\x01" * 128]
    heads = np.tile(np.array([1, 2**31 - 1, position_of(32_767, 2**48 - 1), 2**32 - 1, 3, 1], np.int64), (n, 1))
    longest = np.float32(-1.1754944e-38)
    best = np.zeros((n, 3), np.int32), np.full((n, 3), longest)
    reasons = ListReasons(np.zeros((n, 3, 5), np.int32), np.full((n, 3, 5), longest), best[1])
    users = ["\x02" * 128] * n

    shared = b"," + orjson.dumps(SHARED)[1:-1]
    written = write_lists(shared, ListHeads(users, heads), strings(ids), best, reasons)

    assert 1 == len(set(written))
    assert plain(heads[:1].tolist(), users[:1], ids, best, reasons) == [json.loads(written[0])]
