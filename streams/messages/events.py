"""What listeners do and wish: the values of `plays`, and the one way to read them."""

from collections.abc import Collection
from typing import Annotated

import msgspec
from msgspec import Meta

from streams.messages.records import Duration, ItemId, UserId

REASON_LENGTH_MAX = 200


class Play(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One listening event, or another signal of the same form: a listener played an item, liked it or skipped it.

    Unknown fields are ignored.
    """

    user_id: UserId
    item_id: ItemId
    played_at_ms: Annotated[
        int,
        Meta(
            ge=631_152_000_000,
            lt=4_102_444_800_000,
            description="When, in milliseconds since 1970-01-01T00:00:00Z; from 1990 until the end of 2099.",
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
    ms_played: Annotated[Duration | None, Meta(description="How long it was listened to, in milliseconds.")] = None
    duration_ms: Annotated[Duration | None, Meta(description="How long the item lasts, in milliseconds.")] = None
    private: Annotated[
        bool,
        Meta(
            description="True: the play is never stored, trained on or explained; it shapes a private list for a while."
        ),
    ] = False


class Hide(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="hide"):
    """A listener's wish that an item is in none of their lists; it says nothing of their taste."""

    user_id: UserId
    item_id: ItemId


class Unhide(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="unhide"):
    """A listener's wish that an item that was hidden may be listed again."""

    user_id: UserId
    item_id: ItemId


class Shown(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="shown"):
    """What a listener was shown; items that are shown again and again and never played are left out for a while."""

    user_id: UserId
    item_ids: Annotated[list[ItemId], Meta(min_length=1, max_length=100, description="The items, in any order.")]


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="pause"):
    """A listener's wish that nothing is learnt from what they do until they wish it again."""

    user_id: UserId


class Resume(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="resume"):
    """A listener's wish that what they do from now on is learnt from again."""

    user_id: UserId


class Forget(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="forget"):
    """A listener's wish that everything is removed that is known of them; what they play later is a new beginning."""

    user_id: UserId


Wish = Hide | Unhide | Shown | Pause | Resume | Forget
"""What a listener wishes, or was shown: of a type that is not the operator's to choose."""
Event = Play | Wish
"""A record of `plays`."""
WISHES = frozenset(str(wish.__struct_config__.tag) for wish in (Hide, Unhide, Shown, Pause, Resume, Forget))
"""Types that no signal can have."""


class UnreadablePlay(ValueError):  # noqa: N818 - it names the play, which is not an error of ours
    """A record of `plays` is no event; its text is the reason. See the producer that wrote it."""


class _Typed(msgspec.Struct, frozen=True):
    """The one field that tells what a record of `plays` is."""

    type: str = "play"


_decode_play = msgspec.json.Decoder(Play).decode
_decode_type = msgspec.json.Decoder(_Typed).decode
_decode_wish = msgspec.json.Decoder(Wish).decode
PLAYS_ALONE = frozenset({"play"})


def read_event(key: bytes | None, value: bytes | None, bytes_max: int, types: Collection[str] = PLAYS_ALONE) -> Event:
    """Read one record of `plays`; without a type it is a play.

    Args:
        key: The record's key.
        value: The record's value, JSON in UTF-8.
        bytes_max: Largest value, in bytes.
        types: The types that a signal may have.

    Raises:
        UnreadablePlay: Whatever else the bytes are.
    """
    event = read_value(value, bytes_max, types)
    if key != event.user_id.encode():
        reason = "the key is not the user_id"
        raise UnreadablePlay(reason)
    return event


def read_value(value: bytes | None, bytes_max: int, types: Collection[str] = PLAYS_ALONE) -> Event:
    """Read the value of a record of `plays` that is yet to get its key, the `user_id`; else as `read_event`."""
    if not value:
        reason = "the value is empty"
        raise UnreadablePlay(reason)
    if len(value) > bytes_max:
        reason = f"the value has {len(value)} bytes, more than {bytes_max}"
        raise UnreadablePlay(reason)
    try:
        event = _decode(value, types)
    except (ValueError, RecursionError) as error:
        raise UnreadablePlay(_shorten(error)) from None
    if not _is_printable(event):
        reason = "an id has characters that are not printable"
        raise UnreadablePlay(reason)
    return event


def _decode(value: bytes, types: Collection[str]) -> Event:
    """Decode a play, or what says that it is something else: nearly everything is a play."""
    try:
        play = _decode_play(value)
    except msgspec.ValidationError:
        found = _decode_type(value).type
        if found in types:
            raise
    else:
        if play.type in types:
            return play
        found = play.type
    if found in WISHES:
        wish: Wish = _decode_wish(value)
        return wish
    message = f"Invalid value '{found}', which is none of {', '.join(sorted({*types, *WISHES}))} - at `$.type`"
    raise msgspec.ValidationError(message)


def _is_printable(event: Event) -> bool:
    own = event.user_id.isprintable()
    if isinstance(event, Play):
        return own and event.item_id.isprintable() and (event.play_id is None or event.play_id.isprintable())
    if isinstance(event, Hide | Unhide):
        return own and event.item_id.isprintable()
    return own and (not isinstance(event, Shown) or "".join(event.item_ids).isprintable())


def _shorten(error: Exception) -> str:
    """Return what msgspec says without its back-quotes and at a bounded length: it may quote the value."""
    if isinstance(error, RecursionError):
        return "the value is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the value is not UTF-8"
    what, _, where = str(error).replace("`", "").partition(" - at $")
    return (f"{where.lstrip('.')}: {what}" if where else what)[:REASON_LENGTH_MAX]
