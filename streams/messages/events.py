"""The events of listeners: the values of `plays`, and their decoder."""

from collections.abc import Collection
from typing import Annotated

import msgspec
from msgspec import Meta

from streams.messages.fields import Duration, ItemId, UserId
from streams.messages.odd_hints import Hints, OnOdd, ignore_odd
from streams.process.format_text import decode_reason

IsCopy = Annotated[
    bool,
    Meta(
        description="True: a copy for a partition that is not the one of the key. Nothing is stored for it where "
        "nothing of the listener is stored."
    ),
]


class Play(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A signal of a listener about an item: a play, a like, a skip or another type of the settings.

    Unknown fields are ignored. An optional field with an impossible value is ignored too, and counted.
    """

    user_id: UserId
    item_id: ItemId
    played_at_ms: Annotated[
        int,
        Meta(
            ge=631_152_000_000,
            lt=4_102_444_800_000,
            description="Time of the play in milliseconds since 1970-01-01T00:00:00Z; from 1990 until the end of 2099.",
        ),
    ]
    type: Annotated[
        str,
        Meta(
            max_length=32,
            description="`play`, or one of the other types that the setting `event_weights` names.",
        ),
    ] = "play"
    play_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=128)] | None,
        Meta(description="The client's own id of this event, 1 to 128 printable characters: a retry counts once."),
    ] = None
    ms_played: Annotated[Duration | None, Meta(description="Milliseconds that the listener heard.")] = None
    duration_ms: Annotated[Duration | None, Meta(description="Duration of the item in milliseconds.")] = None
    private: Annotated[
        bool,
        Meta(
            description="True: the play is never stored, trained on or explained; it changes a private list for a time."
        ),
    ] = False


class Hide(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="hide"):
    """A listener hides an item from all their lists; it is no signal of their taste."""

    user_id: UserId
    item_id: ItemId
    copy: IsCopy = False


class Unhide(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="unhide"):
    """A listener allows a hidden item in their lists again."""

    user_id: UserId
    item_id: ItemId
    copy: IsCopy = False


class Shown(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="shown"):
    """Items that a listener was shown. Items that are shown often and never played are left out of lists for a time."""

    user_id: UserId
    item_ids: Annotated[list[ItemId], Meta(min_length=1, max_length=100, description="The items, in any order.")]


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="pause"):
    """A listener pauses learning: their events change nothing until `resume`."""

    user_id: UserId
    copy: IsCopy = False


class Resume(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="resume"):
    """A listener resumes learning: later events are learnt again."""

    user_id: UserId
    copy: IsCopy = False


class Forget(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="forget"):
    """A listener asks for the erasure of all stored data about them. Later plays start a new history."""

    user_id: UserId
    copy: IsCopy = False


Wish = Hide | Unhide | Shown | Pause | Resume | Forget
"""The events with a fixed type, which the settings cannot redefine."""
Event = Play | Wish
"""A record of `plays`."""
WISHES = frozenset(str(wish.__struct_config__.tag) for wish in (Hide, Unhide, Shown, Pause, Resume, Forget))
"""The fixed types; no signal can have one of them."""
WRONG_KEY = "the key is not the user_id"
"""The reason of a record whose key is that of another listener, or of none."""
_WITHOUT_ITEM = frozenset({"pause", "resume", "forget"})
"""The user requests that concern no item."""


class UnreadablePlay(ValueError):  # noqa: N818 - it names the play; the error is the producer's
    """A record of `plays` is no valid event; the message is the reason. Correct the producer of the record."""


class _Typed(msgspec.Struct, frozen=True):
    """The fields that determine the struct of a record of `plays`."""

    type: str = "play"
    item_id: msgspec.Raw = msgspec.Raw(b"null")
    played_at_ms: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def is_of_a_player(self) -> bool:
        """Return whether a user request has the fields of a play, so that a player sent it and no listener did.

        Players report `pause` and `resume` for an item and a time. As a request, neither has an item.
        """
        has_item, has_time = bytes(self.item_id) != b"null", bytes(self.played_at_ms) != b"null"
        return has_item and (has_time or self.type in _WITHOUT_ITEM)


class _RawTyped(msgspec.Struct, frozen=True):
    """The same field, of any kind."""

    type: msgspec.Raw


_hints = Hints(Play)
_decode_play = msgspec.json.Decoder(Play).decode
_decode_type = msgspec.json.Decoder(_Typed).decode
_decode_raw_type = msgspec.json.Decoder(_RawTyped).decode
_decode_wish = msgspec.json.Decoder(Wish).decode
PLAYS_ALONE = frozenset({"play"})
_PLAYERS_EVENT = (
    "'{kind}' is a user request, but the event has fields of a play: a request has no item and time of a play, "
    "and a player's event needs a type that the setting event_weights names - at `$.type`"
)


def read_event(
    key: bytes | None,
    value: bytes | None,
    bytes_max: int,
    types: Collection[str] = PLAYS_ALONE,
    on_odd: OnOdd = ignore_odd,
) -> Event:
    """Decode a record of `plays`; a record without a type is a play.

    Args:
        key: The record's key.
        value: The record's value, JSON in UTF-8.
        bytes_max: Largest value, in bytes.
        types: The types that a signal may have.
        on_odd: Called with the name of every optional field whose value is impossible and therefore ignored.

    Raises:
        UnreadablePlay: The record is no valid event.
    """
    event = read_value(value, bytes_max, types, on_odd)
    if key != event.user_id.encode():
        raise UnreadablePlay(WRONG_KEY)
    return event


def read_value(
    value: bytes | None, bytes_max: int, types: Collection[str] = PLAYS_ALONE, on_odd: OnOdd = ignore_odd
) -> Event:
    """Decode the value of a record of `plays` without checking its key; otherwise as `read_event`."""
    if not value:
        reason = "the value is empty"
        raise UnreadablePlay(reason)
    if len(value) > bytes_max:
        reason = f"the value has {len(value)} bytes, more than {bytes_max}"
        raise UnreadablePlay(reason)
    try:
        event = _decode(value, types, on_odd)
    except (ValueError, RecursionError) as error:
        raise UnreadablePlay(_shorten(error)) from None
    if isinstance(event, Play) and event.play_id is not None and not event.play_id.isprintable():
        on_odd("play_id")
        event = msgspec.structs.replace(event, play_id=None)
    if not _is_printable(event):
        reason = "an id has characters that are not printable"
        raise UnreadablePlay(reason)
    return event


def _decode(value: bytes, types: Collection[str], on_odd: OnOdd) -> Event:
    """Decode a play first, since nearly all records are plays; decode another event by its type."""
    try:
        play = _decode_play(value)
    except msgspec.ValidationError:
        typed = _typed(value)
        if typed.type in types:
            play, odd = _hints.decode(value)
            for name in odd:
                on_odd(name)
            return play
    else:
        if play.type in types:
            return play
        typed = _decode_type(value)
    kind = typed.type
    if kind in WISHES:
        if typed.is_of_a_player:
            raise msgspec.ValidationError(_PLAYERS_EVENT.format(kind=kind))
        wish: Wish = _decode_wish(value)
        return wish
    message = f"Invalid value '{kind}', which is none of {', '.join(sorted({*types, *WISHES}))} - at `$.type`"
    raise msgspec.ValidationError(message)


def _typed(value: bytes) -> "_Typed":
    """Return the fields that determine the struct of an event; a type of null is as good as none.

    Raises:
        msgspec.ValidationError: The type is of another kind.
    """
    try:
        return _decode_type(value)
    except msgspec.ValidationError:
        if bytes(_decode_raw_type(value).type) != b"null":
            raise
        return _Typed()


def _is_printable(event: Event) -> bool:
    if not event.user_id.isprintable():
        return False
    if isinstance(event, Play):
        return event.item_id.isprintable()
    if isinstance(event, Hide | Unhide):
        return event.item_id.isprintable()
    return not isinstance(event, Shown) or "".join(event.item_ids).isprintable()


def _shorten(error: Exception) -> str:
    """Return the reason with the path of the field first."""
    fault, _, path = decode_reason(error).partition(" - at $")
    return f"{path.lstrip('.')}: {fault}" if path else fault
