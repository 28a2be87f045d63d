"""The causes of rejects, by records as the field's producers write them."""

import json
from typing import Any

import pytest

from jobs.doctor.reject_causes import NAME_TYPE, Cause, cause_of
from streams.messages.events import UnreadablePlay, read_event
from streams.messages.records import RejectedPlay

PLAY: dict[str, Any] = {"user_id": "anna", "item_id": "i1", "played_at_ms": 1_700_000_000_000}
SCHEMA = {"type": "struct", "fields": [], "optional": False}


def cause(value: bytes | dict[str, Any] | list[Any] | str, key: bytes | None = b"anna") -> Cause:
    """Return the cause for which a worker rejects a record."""
    encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(UnreadablePlay) as caught:
        read_event(key, encoded, 4096)
    return cause_of(
        RejectedPlay(topic="plays", partition=0, offset=0, reason=str(caught.value), key=key, value=encoded)
    )


def test_the_bytes_of_a_batch_are_no_value() -> None:
    """They begin with the zero byte of its offset, as a value of a schema registry does."""
    rejected = RejectedPlay(
        topic="plays",
        partition=0,
        offset=7,
        reason="a batch of 5 records cannot be read: the checksum is wrong",
        key=None,
        value=bytes(60),
        last_offset=11,
    )

    assert "a whole batch of records cannot be decoded" == cause_of(rejected).says


@pytest.mark.parametrize(
    ("key", "says", "do"),
    [
        (b'"anna"', "the key is JSON text in quotes", "key.converter=org.apache.kafka.connect.storage.StringConverter"),
        (
            json.dumps({"schema": {"type": "string"}, "payload": "anna"}).encode(),
            "the key is an envelope of schema and payload",
            "key.converter=org.apache.kafka.connect.storage.StringConverter",
        ),
        (b"\x00\x00\x00\x00\x01\x08anna", "the key begins with the zero byte", "StringConverter"),
        (b"\x03\x05" + bytes(16), "the key begins with the bytes 03 and 00", "StringSerializer"),
        (None, "the record has no key", "Set the key of every record to the user_id"),
        (b"", "the record has no key", "ValueToKey"),
        (b"ben", "the key is not the user_id", "Set the key of every record to its user_id"),
    ],
)
def test_a_wrong_key_names_the_setting(key: bytes | None, says: str, do: str) -> None:
    """The play itself is right."""
    known = cause(PLAY, key)

    assert known.says.startswith(says)
    assert do in known.do


@pytest.mark.parametrize(
    ("value", "says", "do"),
    [
        ({"schema": SCHEMA, "payload": PLAY}, "the value is an envelope", "value.converter.schemas.enable=false"),
        (
            {"before": None, "after": PLAY, "op": "c", "ts_ms": 1},
            "the value is a change event",
            "ExtractNewRecordState",
        ),
        (
            {"schema": SCHEMA, "payload": {"before": None, "after": PLAY, "op": "c"}},
            "the value is a change event",
            "transforms.unwrap.type",
        ),
        (b"\x00\x00\x00\x00\x07\x08anna", "the value begins with the zero byte", "Send plain JSON."),
        (json.dumps(PLAY), "the value is JSON inside of a JSON text", "Encode the event once."),
        ([PLAY], "the value is an array of events", "one record for each event"),
        ({"specversion": "1.0", "type": "play", "data": PLAY}, "the value is a CloudEvent", "binary mode"),
        (PLAY | {"played_at_ms": 1_700_000_000}, "played_at_ms is in seconds", "milliseconds"),
        (PLAY | {"played_at_ms": 1_700_000_000_000_000}, "played_at_ms is in microseconds", "milliseconds"),
        (PLAY | {"item_id": 7}, "item_id: Expected str, got int", "Correct the producer"),
        ({"event": PLAY, "sent_at": 1}, "the event is inside of the field event", "without an envelope"),
        (
            {"userId": "anna", "itemId": "i1", "playedAtMs": 1_700_000_000_000},
            "fields of the value have other names: userId for user_id, itemId for item_id, playedAtMs for played_at_ms",
            "docs/schemas/plays.json",
        ),
        (
            {"user_id": "anna", "item_id": "i1", "PlayedAtMs": 1_700_000_000_000},
            "fields of the value have other names: PlayedAtMs for played_at_ms",
            "docs/schemas/plays.json",
        ),
        (b"\x03\x00" + bytes(16) + b"\x08anna", "the value begins with the bytes 03 and 00", "Send plain JSON."),
        (b"\xef\xbb\xbf{}", "the value begins with a byte order mark", "UTF8Encoding(false)"),
        (b"\x1f\x8b\x08{}", "the value is compressed itself", "compression.type"),
        (b"\xff\xfe", "JSON is malformed", "Correct the producer"),
    ],
    ids=str,
)
def test_a_wrong_value_names_the_setting(value: Any, says: str, do: str) -> None:
    """Or, for an unknown cause, the reason of the worker."""
    known = cause(value)

    assert known.says.startswith(says)
    assert do in known.do


def test_a_private_reject_has_its_reason_alone() -> None:
    """Its bytes are not on the topic."""
    private = RejectedPlay(topic="plays", partition=0, offset=0, reason="a private play", key=None, value=None)

    assert "a private play" == cause_of(private).says


@pytest.mark.parametrize("value", [b"{}", None])
def test_an_unknown_reason_cannot_control_a_terminal(value: bytes | None) -> None:
    """It may quote a type that a producer wrote."""
    rejected = RejectedPlay(topic="plays", partition=0, offset=0, reason="\x1b[2J", key=b"anna", value=value)

    assert "?[2J" == cause_of(rejected).says


def test_a_type_that_no_weight_names_may_be_named() -> None:
    """The records come back by a retry then."""
    reason = "type: Invalid value 'listen', which is none of hide, play"
    rejected = RejectedPlay(topic="plays", partition=0, offset=1, reason=reason, key=b"anna", value=b"{}")

    assert (reason, NAME_TYPE) == cause_of(rejected)
