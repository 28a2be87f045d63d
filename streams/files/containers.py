"""Opens files of any packaging: plain, compressed, a zip or tar archive, or a folder of them.

The packaging is recognised by content.
"""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from streams.files.errors import PlaysFileError
from streams.files.unpacked import (
    BUFFER_BYTES,
    DEPTH_MAX,
    BytesRead,
    DamagedFileError,
    DiskFile,
    Source,
    named_damage,
    open_unpacked,
    unpacked,
)
from streams.process.format_text import printable

MEMBERS_MAX = 100_000
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_AT, _TAR = 257, b"ustar"
OnDamage = Callable[[DamagedFileError], None]
"""Called with the error of a file that cannot be read to its end; raises it, or reading goes on with the next file."""
OpenInner = Callable[[], io.BufferedReader]
"""Opens a file of an archive."""


class Member(NamedTuple):
    """One file inside a packaging, unpacked."""

    name: str
    stream: io.BufferedReader


def is_packed(head: bytes) -> bool:
    """Return whether bytes begin an archive of several files."""
    return head.startswith(_ZIP) or head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def raise_damage(damage: DamagedFileError) -> None:
    """End reading at the first damage."""
    raise damage


def members_of(path: Path, done: BytesRead | None = None, on_damage: OnDamage = raise_damage) -> Iterator[Member]:
    """Open every file of a folder or archive in the order of their names; a plain file is its only member.

    Args:
        path: A file, an archive or a folder.
        done: Gets the bytes that were read.
        on_damage: Called with the error of a file or archive that cannot be unpacked. Unless it raises, reading goes on
            with the next file; the members of an archive before its damage were yielded.

    Raises:
        PlaysFileError: Something in it is no file, or cannot be unpacked.
    """
    files = [file for file in sorted(_files_of(path)) if file.stat().st_size] if path.is_dir() else [path]
    for file in files:
        yield from _opened(partial(open_unpacked, file, done), str(file), DEPTH_MAX, on_damage)


def _opened(open_file: Callable[[], io.BufferedReader], name: str, depth: int, on_damage: OnDamage) -> Iterator[Member]:
    """Yield the members of a file up to damage, and report the damage."""
    try:
        with open_file() as stream:
            yield from _members(stream, name, depth, on_damage)
    except DamagedFileError as damage:
        on_damage(damage)


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


def _members(stream: io.BufferedReader, name: str, depth: int, on_damage: OnDamage) -> Iterator[Member]:
    head = stream.peek(BUFFER_BYTES)
    if not is_packed(head):
        yield Member(name, stream)
        return
    if not depth:
        message = f"{name} is packed more than {DEPTH_MAX} times: unpack it first."
        raise PlaysFileError(message)
    unpack = _members_of_zip if head.startswith(_ZIP) else _members_of_tar
    for inner_name, open_inner in unpack(stream, name):
        yield from _opened(open_inner, inner_name, depth - 1, on_damage)


def _open_inner(open_entry: Callable[[], IO[bytes] | None], name: str, inner: str) -> io.BufferedReader:
    """Open a file of an archive."""
    with named_damage(name):
        return unpacked(Source(cast("IO[bytes]", open_entry()), inner), inner)


def _members_of_zip(stream: io.BufferedReader, name: str) -> Iterator[tuple[str, OpenInner]]:
    with named_damage(name), _seekable(stream) as file, zipfile.ZipFile(file) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)]
        for entry in sorted(entries, key=lambda entry: entry.filename):
            if entry.file_size:
                inner = f"{name}:{printable(entry.filename)}"
                yield inner, partial(_open_inner, partial(archive.open, entry), name, inner)


@contextmanager
def _seekable(stream: io.BufferedReader) -> Iterator[IO[bytes]]:
    """Return a stream in which a zip can be read from its end: the file itself, or a copy on the disk."""
    source: Any = getattr(stream.raw, "stream", None)
    if isinstance(getattr(source, "raw", None), DiskFile):
        source.seek(0)
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        while block := stream.read(1 << 20):
            copy.write(block)
        copy.seek(0)
        yield copy


def _members_of_tar(stream: io.BufferedReader, name: str) -> Iterator[tuple[str, OpenInner]]:
    with named_damage(name), tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            if entry.isfile() and entry.size and not _is_hidden(entry.name):
                inner = f"{name}:{printable(entry.name)}"
                yield inner, partial(_open_inner, partial(archive.extractfile, entry), name, inner)
