"""Ids that exports do not have: of an item that only has names, and of a play."""

import re
import unicodedata

import xxhash

_SPACE = re.compile(r"\s+")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2013": "-"})
ITEM_PREFIX, PLAY_PREFIX = "name:", "import:"
MBID_PREFIX = "mbid:"
"""Before MusicBrainz' id of a recording."""


def normalised(name: str) -> str:
    r"""Return a name as it is compared: letter case, width, spaces and the shapes of quotes and dashes do not matter.

    Nothing else is removed: `(Live)` and `- Remastered 2011` are other recordings.

    >>> normalised("  Don\u2019t  STOP ") == normalised("don't stop")
    True
    """
    plain = unicodedata.normalize("NFKC", name).translate(_QUOTES).casefold()
    return unicodedata.normalize("NFKC", _SPACE.sub(" ", plain).strip())


def item_id_of(artist: str, title: str) -> str:
    """Return the id of an item that has an artist and a title only: `name:` and 32 hexadecimal digits.

    The digits are XXH3-128 of the normalised artist, a zero byte and the normalised title, in UTF-8.

    >>> item_id_of("Massive Attack", "Teardrop") == item_id_of("massive attack", "Teardrop ")
    True
    """
    names = f"{normalised(artist)}\0{normalised(title)}".encode("utf-8", "surrogatepass")
    return ITEM_PREFIX + xxhash.xxh3_128_hexdigest(names)


def play_id_of(user_id: str, item_id: str, played_at_ms: int) -> str:
    """Return the id of a play of an export: the same listener, item and time have the same id in every export.

    >>> play_id_of("ann", "x", 1) == play_id_of("ann", "x", 1) != play_id_of("ann", "x", 2)
    True
    """
    names = f"{user_id}\0{item_id}\0{played_at_ms}".encode()
    return PLAY_PREFIX + xxhash.xxh3_128_hexdigest(names)
