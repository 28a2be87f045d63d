"""Decodes the pulse of a worker."""

import msgspec

from streams.messages.pulse import Pulse
from streams.readers.decode_record import UnreadableRecord, decode_record

_DECODER = msgspec.json.Decoder(Pulse)


def read_pulse(key: bytes | None, value: bytes | None) -> Pulse | None:
    """Decode a record of `pulse`; None if it is no pulse, or its key is not the worker's name."""
    try:
        pulse = decode_record(_DECODER, value, "A pulse")
    except UnreadableRecord:
        return None
    return pulse if key == pulse.instance.encode() else None
