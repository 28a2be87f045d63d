"""Objects of JSON, one after the other: elements of arrays of any length, or lines."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ijson
import msgspec
from ijson.common import JSONError, ObjectBuilder

from streams.files.errors import PlaysFileError
from streams.files.formats.rows import UNREADABLE, NoPlay
from streams.files.formats.text_rows import byte_lines_of
from streams.files.unpacked import DamagedFileError, reason_of

OBJECT_BYTES_MAX = 4 << 20
"""Most bytes of one object."""
READ_BYTES = 1 << 12
"""Bytes that are parsed at once; the objects among them that stand before damage are lost with it."""
LINES_TRIED = 20
"""Lines of which one has to be whole, so that a file is recognised as JSON lines."""
ROW, DOCUMENT = "item", ""
"""The prefix of the elements of an array, and of documents that stand one after the other."""


class _Bounded:
    """A stream that ends reading if one object takes too many bytes."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self.n_left = stream, OBJECT_BYTES_MAX

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.n_left -= len(block)
        if self.n_left < 0:
            message = f"An object has more than {OBJECT_BYTES_MAX:,} bytes: the file is no list of plays."
            raise DamagedFileError(message)
        return block


def rows_of(stream: io.BufferedReader) -> Iterator[dict[str, Any] | NoPlay]:
    """Yield the objects of a JSON array as they come, or objects one after the other; another element is set aside.

    Raises:
        DamagedFileError: The document is no JSON from some place on; the objects before it were yielded.
    """
    bounded = _Bounded(stream)
    prefix = DOCUMENT if stream.peek(1).lstrip()[:1] == b"{" else ROW
    with _json_errors():
        for element in ijson.items(bounded, prefix, buf_size=READ_BYTES, multiple_values=True, use_float=True):
            bounded.n_left = OBJECT_BYTES_MAX
            yield element if isinstance(element, dict) else NoPlay(UNREADABLE, element)


def objects_of(stream: io.BufferedReader, prefixes: frozenset[str]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yield the objects and texts at some places of a JSON document as they come, each with its prefix.

    Args:
        stream: The document, or several of them.
        prefixes: The places, in the words of ijson: `item` is an element of the outermost array.

    Raises:
        DamagedFileError: The document is no JSON from some place on; the objects before it were yielded.
    """
    bounded = _Bounded(stream)
    builder: ObjectBuilder | None = None
    opened = ""
    with _json_errors():
        for prefix, event, value in ijson.parse(bounded, buf_size=READ_BYTES, multiple_values=True, use_float=True):
            if builder is None and event == "start_map" and prefix in prefixes:
                builder, opened = ObjectBuilder(), prefix
            if builder is not None:
                builder.event(event, value)
                if event == "end_map" and prefix == opened:
                    yield opened, builder.value
                    builder = None
                    bounded.n_left = OBJECT_BYTES_MAX
            elif event == "string" and prefix in prefixes:
                yield prefix, value


@contextmanager
def _json_errors() -> Iterator[None]:
    """Turn errors of the parser into a sentence."""
    try:
        yield
    except (JSONError, RecursionError, MemoryError, ValueError, ArithmeticError) as error:
        if isinstance(error, PlaysFileError):
            raise
        message = f"its JSON is damaged, {reason_of(error)}"
        raise DamagedFileError(message) from None


def lines_of_json(stream: io.BufferedReader) -> Iterator[dict[str, Any] | NoPlay]:
    """Yield one object a line; a line that is none is set aside. Blank lines are left out.

    Raises:
        DamagedFileError: A line is too long.
    """
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line in byte_lines_of(stream, "JSON lines"):
        if not line.strip():
            continue
        try:
            yield decode(line)
        except (ValueError, RecursionError):
            yield NoPlay(UNREADABLE, line)


def first_object(head: bytes) -> dict[str, Any]:
    """Return the first object of an array or of lines that has a field; empty if the head has none."""
    line = _first_line(head)
    if line:
        return line
    try:
        rows = rows_of(io.BufferedReader(io.BytesIO(head)))
        return next((row for row in rows if isinstance(row, dict) and row), {})
    except DamagedFileError:
        return {}


def is_lines(head: bytes) -> bool:
    """Return whether a document has one object a line; otherwise it is an array, or has objects of several lines."""
    return bool(_first_line(head))


def _first_line(head: bytes) -> dict[str, Any]:
    """Return the first of the lines that is an object with a field, empty if there is none; some may be damaged."""
    begin = head.lstrip()
    if not begin.startswith(b"{"):
        return {}
    for line in begin.split(b"\n", LINES_TRIED)[:LINES_TRIED]:
        try:
            value = msgspec.json.decode(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value:
            return value
    return {}
