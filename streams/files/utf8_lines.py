"""Whole lines for a reader that takes UTF-8 alone, although some bytes of the file are none."""

import codecs
import io

import pyarrow as pa

from streams.files.whole_lines import WholeLines

_TO_LETTERS = {0xDC80 + number: 0x10FF00 + number for number in range(0x80)}
"""From the surrogate of a byte to a letter of the private use, which no id, time or type has."""
_TO_BYTES = {letter: surrogate for surrogate, letter in _TO_LETTERS.items()}


class Utf8Lines(WholeLines):
    """Reads whole lines; a byte that is no UTF-8 becomes a letter, and `restore` makes it the byte again.

    Arrow calls its handler of bad rows with text. It prints an error if the row is no UTF-8.

    Attributes:
        has_letters: Whether a byte became a letter so far.
    """

    has_letters = False

    def __init__(self, stream: io.BufferedReader, end: bytes = b"") -> None:
        """Read from a stream of `unpacked`; `end` comes behind the last line of a text that is whole."""
        super().__init__(stream)
        self._end = end

    def _read(self) -> None:
        super()._read()
        if self._end and self._has_ended and self.damage is None:
            self._ready = memoryview(b"%b\n%b\n" % (bytes(self._ready), self._end))
            self._end = b""
        try:
            codecs.utf_8_decode(self._ready)
        except UnicodeDecodeError:
            self.has_letters = True
            text = bytes(self._ready).decode("utf-8", "surrogateescape").translate(_TO_LETTERS)
            self._ready = memoryview(text.encode())

    def restore(self, table: pa.Table) -> pa.Table:
        """Return a table, which has columns of bytes, with the bytes of the file."""
        if not self.has_letters:
            return table
        columns = {name: [restore(value) for value in table[name].to_pylist()] for name in table.column_names}
        return pa.table({name: pa.array(values, pa.binary()) for name, values in columns.items()})


def restore(value: bytes) -> bytes:
    r"""Return a value with the bytes of the file.

    >>> restore("caf\U0010ff69".encode())
    b'caf\xe9'
    """
    return value.decode().translate(_TO_BYTES).encode("utf-8", "surrogateescape")
