"""The whole lines of a text that is damaged further on."""

import io
from typing import Any

from streams.files.unpacked import READ_BYTES, DamagedFileError

LINE_BYTES_MAX = 1 << 22
"""Longest beginning of a line that is held back; of a longer line, parts are given out."""


class WholeLines(io.RawIOBase):
    """Reads a text to its end, or to the end of the last whole line before damage.

    A line that damage has cut would be another row, such as one with a shorter id.

    Attributes:
        damage: The error that ended the text; None if there was none so far.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        """Read from a stream of `unpacked`."""
        self._stream, self._ready, self._rest = stream, memoryview(b""), b""
        self._has_ended = False
        self.damage: DamagedFileError | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with bytes of whole lines; 0 at the end, or at damage."""
        while not self._ready and not self._has_ended:
            self._read()
        block, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)

    def _read(self) -> None:
        try:
            block = self._stream.read1(READ_BYTES)
        except DamagedFileError as damage:
            self.damage, self._has_ended = damage, True
            return
        text = self._rest + block
        self._has_ended = not block
        end = len(text) if self._has_ended or len(text) > LINE_BYTES_MAX else text.rfind(b"\n") + 1
        self._ready, self._rest = memoryview(text)[:end], text[end:]

    def check(self, n_rows: int) -> None:
        """Check that the text was read to its end, after `n_rows` rows of it.

        Raises:
            DamagedFileError: It is damaged.
        """
        if self.damage is not None:
            message = f"{str(self.damage).rstrip('.')}. {n_rows:,} of its rows were read before."
            raise DamagedFileError(message)
