"""Opens one file: decompressed, and its text as UTF-8 without a byte order mark; errors are sentences."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from streams.files.errors import PlaysFileError
from streams.process.format_text import printable

BUFFER_BYTES = 1 << 18
"""Bytes of a member that a reader can look at before it reads."""
READ_BYTES = 1 << 16
"""Bytes that are unpacked at once; up to as many stand before damage and are lost with it."""
TEXT_LETTERS = 4096
DEPTH_MAX = 4
"""Most packagings inside each other, such as a zip in a zip."""
READ_ERRORS = (
    pa.ArrowException,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    struct.error,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
"""Errors of the libraries that unpack; a damaged file can raise each of them."""
_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60)))


class DamagedFileError(PlaysFileError):
    """A file cannot be read to its end. The message says how far reading came, and why it ended."""


class BytesRead:
    """The bytes that were read from the disk so far, for a progress bar."""

    def __init__(self) -> None:
        """Start at 0."""
        self.n = 0


@contextmanager
def named_damage(name: object, how_far: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Turn errors of a library in the block into `DamagedFileError`, which names the file."""
    try:
        yield
    except PlaysFileError:
        raise
    except READ_ERRORS as error:
        message = f"{name} cannot be read{how_far()} ({reason_of(error)}): fetch it again, or repair it."
        raise DamagedFileError(message) from None


def reason_of(error: BaseException) -> str:
    """Return an error's first line as part of a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text).partition("\n")[0].strip().rstrip(".:")) or type(error).__name__


def check_regular(path: Path) -> None:
    """Check that a path is a file that can be read.

    Raises:
        PlaysFileError: It does not exist, is a folder, a device or empty, or may not be read.
    """
    problem = _problem_of(path)
    if problem is not None:
        message = f"{path} {problem}"
        raise PlaysFileError(message)


def _problem_of(path: Path) -> str | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return "does not exist."
    except (OSError, ValueError) as error:
        return f"cannot be opened ({reason_of(error)}): check its permissions."
    if stat.S_ISDIR(status.st_mode):
        return "is a folder: name a file in it."
    if not stat.S_ISREG(status.st_mode):
        return "is a device or a pipe, but a file is needed: write its content to a file first."
    if not os.access(path, os.R_OK):
        return "cannot be opened (Permission denied): check its permissions."
    return None if status.st_size else "is empty: fetch it again."


def open_unpacked(path: Path, done: BytesRead | None = None) -> io.BufferedReader:
    """Open a file and decompress it; text becomes UTF-8.

    Raises:
        PlaysFileError: It is no file, or empty. Reading the stream raises `DamagedFileError`.
    """
    check_regular(path)
    with named_damage(path):
        return unpacked(Source(io.BufferedReader(DiskFile(path, done)), path), path)


def unpacked(source: io.RawIOBase, name: object) -> io.BufferedReader:
    """Decompress a stream as often as it is compressed, and decode its text."""
    try:
        return _unpack(io.BufferedReader(source, BUFFER_BYTES), name)
    except BaseException:
        source.close()
        raise


def _unpack(stream: io.BufferedReader, name: object) -> io.BufferedReader:
    for _ in range(DEPTH_MAX):
        decompress = _decompressor(stream.peek(BUFFER_BYTES))
        if decompress is None:
            break
        stream = io.BufferedReader(Source(decompress(stream), name, stream), BUFFER_BYTES)
    head = stream.peek(BUFFER_BYTES)
    encoding = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)
    if encoding is None:
        return stream
    # A source fills its buffer, so that the beginning of the text is as long as that of any other file.
    return io.BufferedReader(Source(_Transcoded(stream, encoding, name), name), BUFFER_BYTES)


def _decompressor(head: bytes) -> Callable[[IO[bytes]], Any] | None:
    if head.startswith(b"\x1f\x8b"):
        return lambda stream: gzip.GzipFile(fileobj=stream)
    if head.startswith(_ZSTD):
        return lambda stream: pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")
    if head.startswith(b"BZh"):
        return bz2.BZ2File
    return lzma.LZMAFile if head.startswith(b"\xfd7zXZ\x00") else None


class DiskFile(io.FileIO):
    """A file of the disk that counts the bytes that are read."""

    def __init__(self, path: Path, done: BytesRead | None) -> None:
        super().__init__(path, "rb")
        self._done = done or BytesRead()

    def readinto(self, buffer: Any) -> int | None:
        """Read bytes, and count them."""
        n_read = super().readinto(buffer)
        self._done.n += n_read or 0
        return n_read


class Source(io.RawIOBase):
    """Reads from a library's stream, whose errors become sentences that say how far reading came."""

    def __init__(self, stream: Any, name: object, below: IO[bytes] | None = None) -> None:
        self.stream, self._name, self._below, self._n_bytes = stream, name, below, 0
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._damage: DamagedFileError | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, up to the end of the stream; the bytes before an error come before it."""
        if self._damage is not None:
            raise self._damage
        n_read = 0
        try:
            with named_damage(self._name, lambda: f" after {self._n_bytes:,} bytes"):
                while n_read < len(buffer) and (block := self._read(min(len(buffer) - n_read, READ_BYTES))):
                    buffer[n_read : n_read + len(block)] = block
                    n_read += len(block)
                    self._n_bytes += len(block)
        except DamagedFileError as damage:
            self._damage = damage
            if not n_read:
                raise
        return n_read

    def close(self) -> None:
        """Close the stream, and the one below it."""
        if not self.closed:
            self.stream.close()
            if self._below is not None:
                self._below.close()
        super().close()


class _Transcoded(io.RawIOBase):
    """Reads text of another encoding as UTF-8."""

    def __init__(self, stream: io.BufferedReader, encoding: str, name: object) -> None:
        self._text = io.TextIOWrapper(stream, encoding, newline="")
        self._name, self._encoding, self._rest = name, encoding.removesuffix("-sig").upper(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            with named_damage(self._name, lambda: f" as {self._encoding}"):
                self._rest = self._text.read(TEXT_LETTERS).encode()
        block, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._text.close()
        super().close()
