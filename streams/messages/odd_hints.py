"""Plays with odd hints: an optional field with an impossible value is dropped, and the play counts without it."""

from collections.abc import Callable
from typing import Generic, TypeVar, get_type_hints

import msgspec

HINTS = ("type", "play_id", "ms_played", "duration_ms", "private")
"""The optional fields of a play. An odd one is counted by its name."""
_SPELLED = {b"null": False, b"0": False, b'""': False, b"1": True}
_SPELLED |= {
    b'"%s"' % text: value for value in (False, True) for text in ((b"true", b"1") if value else (b"false", b"0"))
}
"""Values that other languages and CSV write for a boolean, in lower case."""

_Event = TypeVar("_Event", bound=msgspec.Struct)
OnOdd = Callable[[str], object]
"""Called with the name of every odd hint of a play that counts."""


def ignore_odd(_: str) -> None:
    """Ignore an odd hint."""


class Hints(Generic[_Event]):
    """Decodes the optional fields of a play one by one, so that an odd one does not cost the play."""

    def __init__(self, play: type[_Event]) -> None:
        """Take the types of the fields from `play`."""
        types = get_type_hints(play, include_extras=True)
        required = [(name, types[name]) for name in types if name not in HINTS]
        self._defaults = {field.name: field.default for field in msgspec.structs.fields(play)}
        optional = [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in HINTS]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("RawPlay", [*required, *optional])).decode
        self._decoders = {name: msgspec.json.Decoder(types[name]) for name in HINTS}
        self._play = play

    def decode(self, value: bytes) -> tuple[_Event, list[str]]:
        """Return a play without its odd hints, and their names.

        An odd `private` that spells true or false is read so. Any other one is an error: the play may be private.

        Raises:
            msgspec.ValidationError: A required field is wrong, or `private` is.
        """
        raw = self._decode(value)
        fields = {name: getattr(raw, name) for name in raw.__struct_fields__}
        odd = []
        for name in HINTS:
            hint = fields.pop(name)
            if hint is msgspec.UNSET:
                continue
            try:
                fields[name] = self._decoders[name].decode(hint)
            except (ValueError, RecursionError) as error:
                odd.append(name)
                fields[name] = _spelled(bytes(hint), error) if name == "private" else self._defaults[name]
        return self._play(**fields), odd


def _spelled(value: bytes, error: Exception) -> bool:
    """Return the boolean that a value spells.

    Raises:
        msgspec.ValidationError: It spells none.
    """
    spelled = _SPELLED.get(value.lower())
    if spelled is None:
        message = f"{error} - at `$.private`"
        raise msgspec.ValidationError(message)
    return spelled
