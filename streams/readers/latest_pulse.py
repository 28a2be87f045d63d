"""Decodes the pulse of a worker."""

import msgspec

from streams.messages.pulse import Pulse
from streams.readers.decode_record import UnreadableRecord, decode_record

_DECODER = msgspec.json.Decoder(Pulse)
_DESCRIPTION = "A pulse"


def read_pulse(key: bytes | None, value: bytes | None) -> Pulse | None:
    """Decode a record of `pulse`; None if it is no pulse, or its key is not the worker's name."""
    try:
        return checked_pulse(key, value)
    except UnreadableRecord:
        return None


def checked_pulse(key: bytes | None, value: bytes | None) -> Pulse:
    """Decode a record of `pulse`.

    Raises:
        UnreadableRecord: It is no pulse, or its key is not the worker's name.
    """
    pulse = decode_record(_DECODER, value, _DESCRIPTION)
    if key != pulse.instance.encode():
        raise UnreadableRecord(_DESCRIPTION, "the key is not the name of the worker")
    return pulse
