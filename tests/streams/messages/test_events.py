"""Events of listeners, and a reader of plays that no bytes break."""

import contextlib
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.messages.events import Event, Forget, Hide, Pause, Play, Resume, Shown, Unhide, UnreadablePlay, read_event

NOW_MS = 1_700_000_000_000
GOOD = {"user_id": "u1", "item_id": "i1", "played_at_ms": NOW_MS}
FULL = GOOD | {"type": "play", "play_id": "p1", "ms_played": 30_000, "duration_ms": 200_000, "private": True}

PLAYERS = (
    "a request has no item and time of a play, and a player's event needs a type that the setting event_weights names"
)
TOO_LONG = "x" * 33
NONE_OF = "which is none of forget, hide, pause, play, resume, shown, unhide"

printable = st.text(min_size=1, max_size=128).filter(str.isprintable)
plays = st.builds(
    Play,
    user_id=printable,
    item_id=printable,
    played_at_ms=st.integers(631_152_000_000, 4_102_444_799_999),
    play_id=st.none() | printable,
    ms_played=st.none() | st.integers(0, 86_400_000),
    duration_ms=st.none() | st.integers(0, 86_400_000),
    private=st.booleans(),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(value: bytes | None, key: bytes | None = b"u1") -> Event:
    """Read with the limit that stands in the settings."""
    return read_event(key, value, 4096)


def reason_for(value: bytes | None, key: bytes | None = b"u1") -> str:
    """Return why a record is rejected."""
    with pytest.raises(UnreadablePlay) as caught:
        read(value, key)
    return str(caught.value)


def encode(**changed: Any) -> bytes:
    """Return a good play in JSON with some fields changed; None leaves one out."""
    return json.dumps({name: value for name, value in (FULL | changed).items() if value is not None}).encode()


def test_the_least_and_the_most_of_a_play_are_read() -> None:
    """Three fields are enough; the type is a play unless it says otherwise."""
    least = Play(user_id="u1", item_id="i1", played_at_ms=NOW_MS)
    most = Play(
        user_id="u1",
        item_id="i1",
        played_at_ms=NOW_MS,
        play_id="p1",
        ms_played=30_000,
        duration_ms=200_000,
        private=True,
    )

    assert least == read(json.dumps(GOOD).encode())
    assert most == read(encode())
    assert least == read(json.dumps(GOOD | {"country": "NO", "tags": [1, {"a": None}]}).encode())


WISHED: list[tuple[dict[str, Any], Event]] = [
    ({"type": "forget"}, Forget(user_id="u1")),
    ({"type": "pause"}, Pause(user_id="u1")),
    ({"type": "resume"}, Resume(user_id="u1")),
    ({"type": "hide", "item_id": "i1"}, Hide(user_id="u1", item_id="i1")),
    ({"type": "unhide", "item_id": "i1"}, Unhide(user_id="u1", item_id="i1")),
    ({"type": "shown", "item_ids": ["i1", "i2"]}, Shown(user_id="u1", item_ids=["i1", "i2"])),
]


@pytest.mark.parametrize(("fields", "wish"), WISHED)
def test_a_wish_is_read_by_its_type(fields: dict[str, Any], wish: Event) -> None:
    """Unknown fields are ignored, and a field that is null counts as missing."""
    assert wish == read(json.dumps({"user_id": "u1"} | fields).encode())
    assert wish == read(
        json.dumps({"user_id": "u1", "item_id": None, "played_at_ms": None, "app": 7} | fields).encode()
    )


@pytest.mark.parametrize(("fields", "wish"), WISHED)
def test_an_event_with_the_fields_of_a_play_is_no_wish(fields: dict[str, Any], wish: Event) -> None:
    """A player reports `pause` for an item and a time; the listener's learning goes on."""
    kind = str(wish.__struct_config__.tag)

    assert f"type: '{kind}' is a user request, but the event has fields of a play: {PLAYERS}" == reason_for(
        json.dumps(FULL | fields).encode()
    )


@pytest.mark.parametrize("kind", ["pause", "resume", "forget"])
def test_a_wish_that_concerns_no_item_has_none(kind: str) -> None:
    """A player may name its time by another field."""
    value = json.dumps({"user_id": "u1", "item_id": "i1", "at": NOW_MS, "type": kind}).encode()

    assert reason_for(value).startswith(f"type: '{kind}' is a user request, but the event has fields of a play")


def test_a_signal_is_read_if_its_type_is_named() -> None:
    """Other types than `play` are the operator's to choose."""
    like = Play(user_id="u1", item_id="i1", played_at_ms=NOW_MS, type="like")

    assert like == read_event(b"u1", json.dumps(GOOD | {"type": "like"}).encode(), 4096, {"play", "like"})


@pytest.mark.parametrize("item_ids", [[], ["i"] * 101, ["i\u0007"], "i1"])
def test_what_was_shown_is_1_to_100_printable_items(item_ids: Any) -> None:
    """So that one event cannot hold a group up."""
    with pytest.raises(UnreadablePlay):
        read(json.dumps({"type": "shown", "user_id": "u1", "item_ids": item_ids}).encode())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"type": "forget"}', "Object missing required field user_id"),
        (b'{"type": "forget", "user_id": "u\\u0007"}', "an id has characters that are not printable"),
        (b'{"type": "forget", "user_id": "u2"}', "the key is not the user_id"),
        (b'{"type": "dance", "user_id": "u1"}', f"type: Invalid value 'dance', {NONE_OF}"),
        (b'{"type": 7, "user_id": "u1"}', "type: Expected str, got int"),
    ],
)
def test_a_wish_that_is_none_is_rejected(value: bytes, reason: str) -> None:
    """Forgetting the wrong listener would be worse than forgetting nobody."""
    assert reason == reason_for(value)


@given(plays)
def test_what_is_written_is_read(play: Play) -> None:
    """Encoding and reading give the same play, keyed by its listener."""
    assert play == read_event(play.user_id.encode(), msgspec.json.encode(play), 10_000)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the value is empty"),
        (b"", "the value is empty"),
        (b" " * 4097, "the value has 4097 bytes, more than 4096"),
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
        (b'{"user_id":"a\xff"}', "the value is not UTF-8"),
        (b"null", "Expected object, got null"),
        (b"[]", "Expected object, got array"),
        (encode() + b"{}", f"JSON is malformed: trailing characters (byte {len(encode()) + 1})"),
        (encode()[:-1], "Input data was truncated"),
        (b'{"a":' + b"[" * 4000, "the value is nested too deeply"),
        (encode(user_id=None), "Object missing required field user_id"),
        (encode(item_id=None), "Object missing required field item_id"),
        (encode(played_at_ms=None), "Object missing required field played_at_ms"),
        (encode(user_id=""), "user_id: Expected str of length >= 1"),
        (encode(user_id="u" * 129), "user_id: Expected str of length <= 128"),
        (encode(item_id=7), "item_id: Expected str, got int"),
        (encode(played_at_ms="now"), "played_at_ms: Expected int, got str"),
        (encode(played_at_ms=1.5), "played_at_ms: Expected int, got float"),
        (encode(played_at_ms=float("nan")), "JSON is malformed: invalid character (byte 51)"),
        (encode(played_at_ms=NOW_MS // 1000), "played_at_ms: Expected int >= 631152000000"),
        (encode(played_at_ms=10**40), "played_at_ms: Expected int <= 4102444799999"),
        (encode(private="yes"), "private: Expected bool, got str"),
        (encode(type="like"), f"type: Invalid value 'like', {NONE_OF}"),
        (encode(type=TOO_LONG), f"type: Invalid value '{TOO_LONG}', {NONE_OF}"),
        (encode(item_id="a\nb"), "an id has characters that are not printable"),
        (encode(user_id="a\x00"), "an id has characters that are not printable"),
        (encode(user_id="u2"), "the key is not the user_id"),
    ],
    ids=str,
)
def test_what_is_not_a_play_is_rejected_with_its_reason(value: bytes | None, reason: str) -> None:
    """The reason names the field and both facts."""
    assert reason == reason_for(value)


@pytest.mark.parametrize("key", [None, b"", b"u2", b"u1 ", b"\xff"])
def test_a_play_keyed_by_another_is_rejected(key: bytes | None) -> None:
    """Its state would be on another partition."""
    assert reason_for(encode(), key) == "the key is not the user_id"


def test_lone_surrogates_are_rejected() -> None:
    """They are no characters: nothing could be keyed by them."""
    for escape in (rb"\ud800", rb"\udfff", rb"\ud800\u0041"):
        reason = reason_for(encode().replace(b"i1", escape))
        assert re.match(r"JSON is malformed: .* utf-16 surrogate pair \(byte \d+\)$", reason)


def test_a_reason_is_short_whatever_it_quotes() -> None:
    """The reason travels with the value, and into a log."""
    with pytest.raises(UnreadablePlay) as caught:
        read_event(b"u1", encode(type="dance"), 4096, {f"type-{number}" for number in range(100)})

    assert len(str(caught.value)) == 200


@given(st.binary(max_size=200) | st.none(), st.binary(max_size=10) | st.none())
@example(b"\x00", None)
def test_no_bytes_break_the_reader(value: bytes | None, key: bytes | None) -> None:
    """Any bytes are a play or unreadable; no other error is raised."""
    with contextlib.suppress(UnreadablePlay):
        read(value, key)


@given(st.data())
def test_no_mutation_of_a_good_play_breaks_the_reader(data: st.DataObject) -> None:
    """Bytes removed, inserted or replaced anywhere, close to daily input."""
    value = bytearray(encode())
    start = data.draw(st.integers(0, len(value)))
    stop = data.draw(st.integers(start, min(len(value), start + 6)))
    value[start:stop] = data.draw(st.binary(max_size=6))

    with contextlib.suppress(UnreadablePlay):
        read(bytes(value))


@given(st.sampled_from(sorted(FULL)), anything)
def test_no_value_of_a_field_breaks_the_reader(field: str, value: Any) -> None:
    """Any JSON in the place of any field."""
    with contextlib.suppress(UnreadablePlay):
        read(json.dumps(FULL | {field: value}).encode())
