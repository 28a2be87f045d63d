"""Formats of numbers and errors in messages."""

from datetime import UTC, datetime

REASON_LENGTH_MAX = 200
PRINTED_LENGTH_MAX = 300


def format_duration(duration_ms: float) -> str:
    """Return a duration in its largest unit.

    >>> format_duration(90_000), format_duration(5_400_000)
    ('1.5 min', '1.5 h')
    """
    for unit_ms, unit in ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min")):
        if duration_ms >= unit_ms:
            return f"{duration_ms / unit_ms:.1f} {unit}"
    return f"{max(duration_ms, 0) / 1000:.1f} s"


def format_time(at_ms: int | None) -> str:
    """Return a moment in UTC, to the second.

    >>> format_time(1_700_000_000_000), format_time(None)
    ('2023-11-14T22:13:20Z', 'unknown')
    """
    return "unknown" if at_ms is None else format_moment(at_ms, "%Y-%m-%dT%H:%M:%SZ")


def format_moment(at_ms: int, layout: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a moment in UTC; of one that no calendar has, its milliseconds since 1970.

    A producer may give its records any time.

    >>> format_moment(1_700_000_000_000), format_moment(1 << 62)
    ('2023-11-14 22:13:20', '4611686018427387904 ms')
    """
    try:
        return f"{datetime.fromtimestamp(at_ms // 1000, UTC):{layout}}"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def pluralize(n: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural.

    >>> pluralize(1, "partition"), pluralize(2_000, "play")
    ('1 partition', '2,000 plays')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def printable(text: str, length_max: int = PRINTED_LENGTH_MAX) -> str:
    r"""Return the beginning of a foreign text without characters that could control a terminal.

    >>> printable("a\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text[:length_max])


def encodable(text: str) -> str:
    r"""Return a text that may have bytes of a file name which are no UTF-8, with these escaped.

    >>> encodable("caf\udce9")
    'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def decode_reason(error: Exception, length_max: int = REASON_LENGTH_MAX) -> str:
    """Return the reason of a failed decode, printable and of bounded length, for it may quote the value.

    >>> decode_reason(ValueError("Expected `int`, got `str` - at `$.plays`"))
    'Expected int, got str - at $.plays'
    """
    if isinstance(error, RecursionError):
        return "the value is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the value is not UTF-8"
    return printable(str(error).replace("`", ""), length_max)
