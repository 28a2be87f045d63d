"""The causes of rejects: how the field's producers write records that are no events, and the remedies."""

from typing import Any, NamedTuple

import msgspec

from streams.messages.events import WRONG_KEY
from streams.messages.records import RejectedPlay
from streams.process.format_text import printable

STRING_KEYS = "In Kafka Connect, set key.converter=org.apache.kafka.connect.storage.StringConverter."
PLAIN_VALUES = (
    "In Kafka Connect, set value.converter=org.apache.kafka.connect.json.JsonConverter and "
    "value.converter.schemas.enable=false."
)
NAME_TYPE = (
    "If the type is a signal, name it in PLAYFOLD_EVENT_WEIGHTS of every worker and gateway, and run "
    "`playfold rejects retry`; otherwise correct the producer."
)
_UNKNOWN_TYPE = "type: Invalid value "
_GLUE = b"\x03\x00", b"\x03\x05"
"""The version of the header, and the code of no compression or of zlib."""
NAME_SHOWN = 40
"""Most letters of a field's name that a cause shows."""
_REQUIRED = ("user_id", "item_id", "played_at_ms")
_decode = msgspec.json.Decoder().decode


class Cause(NamedTuple):
    """The cause of a reject."""

    says: str
    do: str


_REGISTRY = "begins with the zero byte of a schema registry: it is Avro, Protobuf or JSON Schema"
QUOTED_KEY = Cause("the key is JSON text in quotes, as Kafka Connect's JsonConverter writes it", STRING_KEYS)
ENVELOPED_KEY = Cause(
    "the key is an envelope of schema and payload, as Kafka Connect's JsonConverter writes it", STRING_KEYS
)
REGISTERED_KEY = Cause(f"the key {_REGISTRY}", STRING_KEYS)
NO_KEY = Cause(
    "the record has no key",
    "Set the key of every record to the user_id; in Kafka Connect, by transforms ValueToKey and ExtractField$Key.",
)
OTHER_KEY = Cause(WRONG_KEY, "Set the key of every record to its user_id, as plain text.")
REGISTERED = Cause(f"the value {_REGISTRY}", f"Send plain JSON. {PLAIN_VALUES}")
ENVELOPED = Cause(
    "the value is an envelope of schema and payload, as Kafka Connect's JsonConverter writes it", PLAIN_VALUES
)
CHANGE = Cause(
    "the value is a change event with before and after, as Debezium writes it",
    "Set transforms=unwrap and transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState.",
)
CLOUD_EVENT = Cause(
    "the value is a CloudEvent in structured mode", "Send the data alone: use CloudEvents' binary mode."
)
TWICE = Cause(
    "the value is JSON inside of a JSON text",
    "Encode the event once. In Kafka Connect, set value.converter=org.apache.kafka.connect.storage.StringConverter.",
)
SEVERAL = Cause("the value is an array of events", "Send one record for each event.")
BATCH = Cause(
    "a whole batch of records cannot be decoded",
    "`playfold rejects list` has each reason: check the producer's compression, and the disks of the brokers.",
)
GLUE = "begins with the bytes 03 and 00 or 05 of AWS Glue's schema registry: it is Avro, Protobuf or JSON Schema"
GLUE_KEY = Cause(f"the key {GLUE}", "Write keys with StringSerializer, or in Kafka Connect with StringConverter.")
GLUE_VALUE = Cause(f"the value {GLUE}", f"Send plain JSON. {PLAIN_VALUES}")
BYTE_ORDER_MARK = Cause(
    "the value begins with a byte order mark", "Encode UTF-8 without it; in .NET by new UTF8Encoding(false)."
)
COMPRESSED = Cause(
    "the value is compressed itself", "Send plain JSON, and let the producer compress its batches (compression.type)."
)
_PREFIXES = {
    b"\x00": REGISTERED,
    b"\x03\x00": GLUE_VALUE,
    b"\x03\x05": GLUE_VALUE,
    b"\xef\xbb\xbf": BYTE_ORDER_MARK,
    b"\x1f\x8b": COMPRESSED,
    b"\x28\xb5\x2f\xfd": COMPRESSED,
}
"""The causes that the first bytes of a value show."""
SECONDS = Cause("played_at_ms is in seconds", "Send milliseconds since 1970.")
FINE_TIMES = Cause("played_at_ms is in microseconds or nanoseconds", "Send milliseconds since 1970.")
_SPELLED = {
    "played_at_ms: Expected int >= 631152000000": SECONDS,
    "played_at_ms: Expected int <= 4102444799999": FINE_TIMES,
}


def cause_of(rejected: RejectedPlay) -> Cause:
    """Return the cause of a reject; of an unknown one, the reason of the worker."""
    key, value = rejected.key or b"", rejected.value
    if rejected.last_offset is not msgspec.UNSET:  # its bytes are those of a batch, and no value
        return BATCH
    if rejected.reason == OTHER_KEY.says:
        return _cause_of_key(key)
    reason = printable(rejected.reason)
    if reason.startswith(_UNKNOWN_TYPE):
        return Cause(reason, NAME_TYPE)
    shape = None if value is None else _cause_of_value(value)
    return shape or _SPELLED.get(rejected.reason) or Cause(reason, "Correct the producer of these records.")


def _cause_of_value(value: bytes) -> Cause | None:
    """Return the cause that a value shows, None if it shows none."""
    known = next((cause for prefix, cause in _PREFIXES.items() if value.startswith(prefix)), None)
    return known or _cause_of_shape(value)


def _cause_of_key(key: bytes) -> Cause:
    if not key:
        return NO_KEY
    if key[:1] == b"\x00":
        return REGISTERED_KEY
    if key[:2] in _GLUE:
        return GLUE_KEY
    decoded = _decoded(key)
    if isinstance(decoded, str):
        return QUOTED_KEY
    return ENVELOPED_KEY if _is_envelope(decoded) else OTHER_KEY


def _cause_of_shape(value: bytes) -> Cause | None:
    """Return the cause that the JSON of a value shows, None if it shows none."""
    decoded = _decoded(value)
    if isinstance(decoded, str):
        return TWICE if isinstance(_decoded(decoded.encode(errors="replace")), dict) else None
    if isinstance(decoded, list):
        return SEVERAL
    if _is_change(decoded) or (_is_envelope(decoded) and _is_change(decoded["payload"])):
        return CHANGE
    if _is_envelope(decoded):
        return ENVELOPED
    if not isinstance(decoded, dict):
        return None
    return CLOUD_EVENT if {"specversion", "data"} <= decoded.keys() else _cause_of_names(decoded)


def _cause_of_names(decoded: dict[str, Any]) -> Cause | None:
    """Return the cause of an object whose fields have other names, or whose event is inside of a field."""
    inside = next((name for name, part in decoded.items() if isinstance(part, dict) and "user_id" in part), None)
    if inside is not None and "user_id" not in decoded:
        return Cause(
            f"the event is inside of the field {printable(inside, NAME_SHOWN)} of the value",
            "Send the event alone, without an envelope.",
        )
    spelled = {_plain(name): name for name in decoded}
    others = {name: spelled[_plain(name)] for name in _REQUIRED if name not in decoded and _plain(name) in spelled}
    if not others:
        return None
    named = ", ".join(f"{printable(other, NAME_SHOWN)} for {name}" for name, other in others.items())
    return Cause(f"fields of the value have other names: {named}", "Name the fields as docs/schemas/plays.json does.")


def _plain(name: str) -> str:
    """Return a name without letter case and separators.

    >>> _plain("playedAtMs") == _plain("played_at_ms") == _plain("Played-At-Ms")
    True
    """
    return name.replace("_", "").replace("-", "").casefold()


def _decoded(text: bytes) -> Any:
    """Return the content of a JSON text, None if it is none."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None


def _is_envelope(decoded: Any) -> bool:
    return isinstance(decoded, dict) and decoded.keys() == {"schema", "payload"}


def _is_change(decoded: Any) -> bool:
    return isinstance(decoded, dict) and {"before", "after", "op"} <= decoded.keys()
