"""A worker's pulse: the one way to read its record."""

import msgspec

from streams.messages.records import Pulse

_decode = msgspec.json.Decoder(Pulse).decode


def read_pulse(key: bytes | None, value: bytes | None) -> Pulse | None:
    """Read a record of `pulse`; None if it is none, or stands under another worker's name: then it is nobody's."""
    try:
        pulse = _decode(value or b"")
    except (ValueError, RecursionError):
        return None
    return pulse if key == pulse.instance.encode() else None
