"""The rows of an export: a play, or a row that is none, with the reason."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from streams.files.conversions import EARLIEST_MS, ID_LENGTH_MAX, LATEST_MS
from streams.files.times import LocalTimes
from streams.messages.fields import DAY_MS

SONG, EPISODE, AUDIOBOOK, VIDEO, FILM = "song", "episode", "audiobook", "video", "film"
"""Kinds of items in the catalog."""
TEXT_LENGTH_MAX = 512
NO_ITEM = "rows that name no item"
NO_TIME = "rows without a time that can be read"
NOT_THIS_KIND = "rows of another kind of activity"
OUT_OF_RANGE = "rows with a time before 1990 or after 2099"
PRIVATE = "plays of private sessions"
BAD_ID = "rows whose item or listener has characters that are not printable, or too many"
UNREADABLE = "rows that cannot be read"


class ImportOptions(NamedTuple):
    """The facts that an export may lack, and the choices of the caller."""

    user_id: str | None
    """The listener of a file that names none."""
    times: LocalTimes
    learns_private: bool = False
    """Whether plays of private sessions are plays like others."""


class ImportedPlay(NamedTuple):
    """A play of an export."""

    item_id: str
    played_at_ms: int
    """The start of the play."""
    user_id: str | None = None
    """The listener, if the file names one."""
    ms_played: int | None = None
    duration_ms: int | None = None
    type: str | None = None
    """The type of the signal, None for a play."""
    title: str | None = None
    artist: str | None = None
    kind: str | None = None
    n_odd_lengths: int = 0
    """Lengths that the row gives and that are none; the play counts without them."""


class NoPlay(NamedTuple):
    """A row that is no play."""

    reason: str
    content: Any = None
    """The row; None if it must not be written anywhere."""


class ItemNames(NamedTuple):
    """The names of an item; in a data set they stand in a file of their own."""

    item_id: str
    title: str | None
    artist: str | None
    kind: str | None


Row = ImportedPlay | NoPlay | ItemNames
_Read = TypeVar("_Read")


def each(rows: Iterable[_Read | NoPlay], row_of: Callable[[_Read], Row]) -> Iterator[Row]:
    """Yield a row for everything that was read; a row that could not be read stays as it is."""
    for row in rows:
        yield row if isinstance(row, NoPlay) else row_of(row)


def checked_names(item: ItemNames, content: Any) -> Row:
    """Return names that fit a catalog record; otherwise the row with the reason."""
    if not is_id(item.item_id):
        return NoPlay(BAD_ID, content)
    return item._replace(title=_text(item.title), artist=_text(item.artist))


def checked(play: ImportedPlay, content: Any) -> Row:
    """Return a play whose fields fit a record; otherwise the row with the reason.

    Its lengths are those of `length_of`.
    """
    if not EARLIEST_MS <= play.played_at_ms <= LATEST_MS:
        return NoPlay(OUT_OF_RANGE, content)
    if not is_id(play.item_id) or (play.user_id is not None and not is_id(play.user_id)):
        return NoPlay(BAD_ID, content)
    return play._replace(
        duration_ms=play.duration_ms or None,
        title=_text(play.title),
        artist=_text(play.artist),
    )


def may_be_private(flag: Any) -> bool:
    """Return whether a row's flag does not deny that its play is private.

    >>> may_be_private(True), may_be_private("true"), may_be_private("perhaps"), may_be_private("False")
    (True, True, True, False)
    """
    if isinstance(flag, str):
        return flag.strip().lower() not in {"", "false", "0"}
    return flag is not None and bool(flag != 0)


def is_id(text: str) -> bool:
    """Return whether a text can be the id of a listener or an item."""
    return 0 < len(text) <= ID_LENGTH_MAX and text.isprintable()


def _duration(milliseconds: int | None) -> int | None:
    return milliseconds if milliseconds is not None and 0 <= milliseconds <= DAY_MS else None


def _text(text: str | None) -> str | None:
    """Return a text for the catalog: bounded, and without lone surrogates, which no UTF-8 has."""
    if not text:
        return None
    return text[:TEXT_LENGTH_MAX].encode("utf-8", "replace").decode() or None


def latin_of(text: str) -> str:
    r"""Return a text whose bytes are no UTF-8 as Latin-1, as older data sets are written.

    >>> latin_of("Caf\udce9")
    'Café'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text


def whole_number(value: Any) -> int | None:
    """Return a whole number of an export, which may be text; None for anything else.

    >>> whole_number("1500"), whole_number(3.0), whole_number(True), whole_number("x"), whole_number("12.5")
    (1500, 3, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return value
    try:
        number = float(value)
        return int(number) if number.is_integer() else None
    except (ValueError, OverflowError):
        return None


def length_of(value: Any) -> int | None:
    """Return a length in milliseconds, None for one that cannot be: negative, or longer than a day.

    >>> length_of("1500"), length_of(-1), length_of(1e300)
    (1500, None, None)
    """
    return _duration(whole_number(value))


def count_odd(*lengths: Any) -> int:
    """Return how many lengths of a row are given and are none.

    >>> count_odd("1500", None, "", "abc", -1, 12.5)
    3
    """
    return sum(value not in (None, "") and length_of(value) is None for value in lengths)


def text_of(value: Any) -> str:
    """Return a text of an export without surrounding space; empty for anything that is no text."""
    return value.strip() if isinstance(value, str) else ""
