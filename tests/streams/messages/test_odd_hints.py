"""Plays with odd optional fields count without them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.messages.events import Play, UnreadablePlay, read_event
from streams.messages.odd_hints import HINTS

LEAST = {"user_id": "u1", "item_id": "i1", "played_at_ms": 1_700_000_000_000}
PLAIN = Play(user_id="u1", item_id="i1", played_at_ms=1_700_000_000_000)
DURATIONS = [-1, 86_400_001, 10**40, 1.5, "1000", True, [], {}]


def read(**fields: Any) -> tuple[Any, list[str]]:
    """Return a play with some more fields as it is read, and the names of its odd hints."""
    odd: list[str] = []
    event = read_event(b"u1", json.dumps(LEAST | fields).encode(), 4096, {"play", "like"}, odd.append)
    return event, odd


@pytest.mark.parametrize("value", DURATIONS, ids=str)
@pytest.mark.parametrize("field", ["ms_played", "duration_ms"])
def test_an_odd_duration_is_ignored_and_counted(field: str, value: Any) -> None:
    """The play counts as if the field was left out."""
    assert (PLAIN, [field]) == read(**{field: value})


@pytest.mark.parametrize("value", ["", "x" * 129, "a\u202eb", 7, {}], ids=str)
def test_an_odd_play_id_is_ignored_and_counted(value: Any) -> None:
    """A retry then counts twice, and the count of odd hints tells why."""
    assert (PLAIN, ["play_id"]) == read(play_id=value)


@pytest.mark.parametrize("value", [None, 0, "", "false", "False", "0"], ids=str)
def test_an_odd_private_that_means_no_is_no(value: Any) -> None:
    """The usual spellings of other languages and of CSV."""
    assert (PLAIN, ["private"]) == read(private=value)


@pytest.mark.parametrize("value", [1, "true", "TRUE", "1"], ids=str)
def test_an_odd_private_that_means_yes_is_yes(value: Any) -> None:
    """The play is private."""
    event, odd = read(private=value)

    assert event.private
    assert ["private"] == odd


@pytest.mark.parametrize(("value", "kind"), [("yes", "str"), ("perhaps", "str"), ([], "array"), (0.5, "float")])
def test_any_other_odd_private_is_rejected(value: Any, kind: str) -> None:
    """The play may be private, so nothing of it is read, and a worker writes its offset alone to the rejects."""
    with pytest.raises(UnreadablePlay) as caught:
        read(private=value)

    assert f"private: Expected bool, got {kind}" == str(caught.value)


@pytest.mark.parametrize("field", ["play_id", "ms_played", "duration_ms"])
def test_null_is_as_good_as_left_out(field: str) -> None:
    """Serializers write it for a missing value, so it is not odd."""
    assert (PLAIN, []) == read(**{field: None})


def test_a_type_of_null_is_a_play() -> None:
    """It is counted as odd, since a type is a text."""
    assert (PLAIN, ["type"]) == read(type=None)


def test_every_odd_hint_is_counted_and_the_others_apply() -> None:
    """One odd field costs nothing but itself."""
    event, odd = read(type="like", duration_ms=-1, ms_played="x", play_id="p", private=None, other={"a": [1]})

    assert Play(user_id="u1", item_id="i1", played_at_ms=1_700_000_000_000, type="like", play_id="p") == event
    assert ["duration_ms", "ms_played", "private"] == sorted(odd)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"item_id": 7}, "item_id: Expected str, got int"),
        ({"played_at_ms": "now"}, "played_at_ms: Expected int, got str"),
        ({"type": 7}, "type: Expected str, got int"),
        ({"type": "dance"}, "type: Invalid value 'dance', which is none of forget, hide, like, pause, play"),
    ],
)
def test_a_required_field_that_is_wrong_still_rejects_the_play(fields: dict[str, Any], reason: str) -> None:
    """The reason names it, not the odd hint beside it."""
    with pytest.raises(UnreadablePlay) as caught:
        read(duration_ms=-1, **fields)

    assert str(caught.value).startswith(reason)


@given(
    st.sampled_from(HINTS[1:-1]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=9),
        st.lists,
        max_leaves=3,
    ),
)
def test_no_hint_costs_a_play(field: str, value: Any) -> None:
    """Any JSON may stand in an optional field."""
    event, _ = read(**{field: value})

    assert "u1" == event.user_id
    assert "i1" == event.item_id
    assert 1_700_000_000_000 == event.played_at_ms
