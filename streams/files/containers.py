"""Opens files of any packaging: plain, compressed, a zip or tar archive, or a folder of them.

The packaging is recognised by content. Text comes out as UTF-8 without a byte order mark.
"""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pyarrow as pa

from streams.files.play_columns import PlaysFileError

BUFFER_BYTES = 1 << 18
"""Bytes of a member that a reader can look at before it reads."""
READ_BYTES = 1 << 16
"""Bytes that are unpacked at once; up to as many stand before damage and are lost with it."""
TEXT_LETTERS = 4096
DEPTH_MAX = 4
"""Most packagings inside each other, such as a zip in a zip."""
MEMBERS_MAX = 100_000
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
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60)))
_TAR_AT, _TAR = 257, b"ustar"


class DamagedFileError(PlaysFileError):
    """A file cannot be read to its end. The message says how far reading came, and why it ended."""


class Member(NamedTuple):
    """One file inside a packaging, unpacked."""

    name: str
    stream: io.BufferedReader


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
        return _unpacked(_Source(io.BufferedReader(_File(path, done)), path), path)


def is_packed(head: bytes) -> bool:
    """Return whether bytes begin an archive of several files."""
    return head.startswith(_ZIP) or head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def members_of(path: Path, done: BytesRead | None = None) -> Iterator[Member]:
    """Open every file of a folder or archive in the order of their names; a plain file is its only member.

    Raises:
        PlaysFileError: Something in it is no file, or cannot be unpacked.
    """
    if path.is_dir():
        for file in sorted(_files_of(path)):
            if file.stat().st_size:
                with open_unpacked(file, done) as stream:
                    yield from _members(stream, str(file), DEPTH_MAX)
        return
    with open_unpacked(path, done) as stream:
        yield from _members(stream, str(path), DEPTH_MAX)


def _files_of(folder: Path) -> Iterator[Path]:
    for number, file in enumerate(folder.rglob("*")):
        if number > MEMBERS_MAX:
            message = f"{folder} holds more than {MEMBERS_MAX:,} files: name the folder of one export."
            raise PlaysFileError(message)
        if file.is_file() and not _is_hidden(str(file.relative_to(folder))):
            yield file


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _members(stream: io.BufferedReader, name: str, depth: int) -> Iterator[Member]:
    head = stream.peek(BUFFER_BYTES)
    if not is_packed(head):
        yield Member(name, stream)
        return
    if not depth:
        message = f"{name} is packed more than {DEPTH_MAX} times: unpack it first."
        raise PlaysFileError(message)
    unpack = _members_of_zip if head.startswith(_ZIP) else _members_of_tar
    for inner_name, inner in unpack(stream, name):
        with inner:
            yield from _members(inner, inner_name, depth - 1)


def _members_of_zip(stream: io.BufferedReader, name: str) -> Iterator[tuple[str, io.BufferedReader]]:
    with named_damage(name), _seekable(stream) as file, zipfile.ZipFile(file) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)]
        for entry in sorted(entries, key=lambda entry: entry.filename):
            if entry.file_size:
                inner = f"{name}:{printable(entry.filename)}"
                yield inner, _unpacked(_Source(archive.open(entry), inner), inner)


@contextmanager
def _seekable(stream: io.BufferedReader) -> Iterator[IO[bytes]]:
    """Return a stream in which a zip can be read from its end: the file itself, or a copy on the disk."""
    source: Any = getattr(stream.raw, "stream", None)
    if isinstance(getattr(source, "raw", None), _File):
        source.seek(0)
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        while block := stream.read(1 << 20):
            copy.write(block)
        copy.seek(0)
        yield copy


def _members_of_tar(stream: io.BufferedReader, name: str) -> Iterator[tuple[str, io.BufferedReader]]:
    with named_damage(name), tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            if entry.isfile() and entry.size and not _is_hidden(entry.name):
                inner = f"{name}:{printable(entry.name)}"
                yield inner, _unpacked(_Source(cast("IO[bytes]", archive.extractfile(entry)), inner), inner)


def printable(text: str) -> str:
    """Return the beginning of a text of a file without characters that could control a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:300])


def _unpacked(source: io.RawIOBase, name: object) -> io.BufferedReader:
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
        stream = io.BufferedReader(_Source(decompress(stream), name, stream), BUFFER_BYTES)
    head = stream.peek(BUFFER_BYTES)
    encoding = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)
    return stream if encoding is None else io.BufferedReader(_Transcoded(stream, encoding, name), BUFFER_BYTES)


def _decompressor(head: bytes) -> Callable[[IO[bytes]], Any] | None:
    if head.startswith(b"\x1f\x8b"):
        return lambda stream: gzip.GzipFile(fileobj=stream)
    if head.startswith(_ZSTD):
        return lambda stream: pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")
    if head.startswith(b"BZh"):
        return bz2.BZ2File
    return lzma.LZMAFile if head.startswith(b"\xfd7zXZ\x00") else None


class _File(io.FileIO):
    """A file of the disk that counts the bytes that are read."""

    def __init__(self, path: Path, done: BytesRead | None) -> None:
        super().__init__(path, "rb")
        self._done = done or BytesRead()

    def readinto(self, buffer: Any) -> int | None:
        n_read = super().readinto(buffer)
        self._done.n += n_read or 0
        return n_read


class _Source(io.RawIOBase):
    """Reads from a library's stream, whose errors become sentences that say how far reading came."""

    def __init__(self, stream: Any, name: object, below: IO[bytes] | None = None) -> None:
        self.stream, self._name, self._below, self._n_bytes = stream, name, below, 0
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._damage: DamagedFileError | None = None

    def readable(self) -> bool:
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
