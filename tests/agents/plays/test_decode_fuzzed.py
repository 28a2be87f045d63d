"""Events of any bytes: each is decoded or rejected, and the stream goes on."""

import json
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.plays.decode import read_group
from streams.settings import Settings
from tests.agents.plays.rejected_plays import rejected
from tests.support.deliveries import FIRST_S, slice_of

SETTINGS = Settings()
N_FUZZED = 10_000

Item = tuple[bytes | None, bytes | None]

JUNK: list[object] = [
    None, True, -1, 0, 2**64, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 129, "\u0000", "\ud800", "\u202e",
    [], {}, 253_402_300_799_999, -62_135_596_800_000, "9999-12-31T23:59:59Z", "2024-01-01", [[[]]], {"user_id": "ann"},
]  # fmt: skip
FIELDS = ["user_id", "item_id", "played_at_ms", "play_id", "ms_played", "duration_ms", "private", "type", "other"]


def fuzzed(rng: random.Random) -> Item:
    """Return an event as nobody should send it, or now and then as one should."""
    fields: dict[str, object] = {"user_id": "ann", "item_id": "i1", "played_at_ms": 1000 * FIRST_S}
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        fields[rng.choice(FIELDS)] = rng.choice(JUNK)
    if rng.random() < 0.2:
        fields.pop(rng.choice(["user_id", "item_id", "played_at_ms"]))
    text = bytearray(json.dumps(fields, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice([0, 0, 1, 8])):
        text[rng.randrange(len(text))] = rng.randrange(256)
    value = rng.choice([bytes(text), bytes(text), bytes(text[: rng.randrange(len(text))]), rng.randbytes(40), None])
    return rng.choice([b"ann"] * 8 + [b"ben", b"\xff", b"", None]), value


def test_ten_thousand_fuzzed_events_are_counted_or_rejected() -> None:
    """Every one of them is either a play of its user or a reject with its bytes; none raises."""
    rng = random.Random(0)
    items = [fuzzed(rng) for _ in range(N_FUZZED)]

    group = read_group([slice_of(0, 0, *items)], SETTINGS)

    counted = set(group.events.offsets.tolist())
    set_aside = {reject.offset: (reject.key, reject.value) for reject in rejected(group)}
    private = {offset for offset, (_, value) in enumerate(items) if value and b'"private":' in value}
    assert set(range(N_FUZZED)) - private <= counted | set(set_aside) <= set(range(N_FUZZED))
    assert not counted & set(set_aside)
    with_bytes = {offset: what for offset, what in set_aside.items() if what != (None, None)}
    assert {offset: items[offset] for offset in with_bytes} == with_bytes
    assert {offset for offset in set_aside.keys() - with_bytes.keys() if items[offset][1]} <= private
    assert min(len(counted), len(set_aside)) > 400
    assert [b"ann"] == group.users[0]
    assert all(0 < len(reject.reason) <= 200 for reject in rejected(group))


BINARY = st.binary(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), children, max_size=5),
    max_leaves=8,
).map(lambda value: msgspec.json.encode(value) if not isinstance(value, int) or abs(value) < 2**63 else b"9" * 40)


@given(st.lists(st.tuples(st.none() | BINARY, st.none() | BINARY | JSON), max_size=20))
def test_no_bytes_stop_the_stream(items: list[Item]) -> None:
    """Every event that is not counted is set aside, byte for byte."""
    group = read_group([slice_of(0, 0, *items)], SETTINGS)

    assert len(items) == len(group.events.offsets) + len(group.rejects[0])
    with_bytes = [reject for reject in rejected(group) if b'"private":' not in (items[reject.offset][1] or b"")]
    assert [items[reject.offset] for reject in with_bytes] == [(reject.key, reject.value) for reject in with_bytes]
