"""A file set: a folder with a record that lists the checksum of every file, and a seal of the record.

The seal of `manifest.json` is `manifest.sha256`, in the format of `sha256sum --check`. It contains the record's
checksum twice, so that a flipped byte in the seal is not mistaken for one in the record.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from state.errors import GenerationError
from state.storage.files import fsync_folder, write_file

CHECKSUMS = "checksums.json"
"""The default name of a record."""


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, names: Iterable[str], record: str = CHECKSUMS) -> None:
    """Write the checksums of a folder's files into a sealed record, and sync the folder.

    Args:
        folder: A folder aside, to be renamed afterwards.
        names: Its files, without the record.
        record: The name of the record.
    """
    checksums = {name: checksum(folder / name) for name in names}
    write_sealed(folder / record, msgspec.json.format(msgspec.json.encode(checksums)))
    fsync_folder(folder)


def write_sealed(path: Path, content: bytes) -> None:
    """Write a record and its seal."""
    write_file(path, content)
    write_file(seal_path(path), seal_of(path.name, content))


def seal_path(record: Path) -> Path:
    """Return the path of a record's seal."""
    return record.with_suffix(".sha256")


def seal_of(record: str, content: bytes) -> bytes:
    """Return the content of a record's seal."""
    return f"{hashlib.sha256(content).hexdigest()}  {record}\n".encode() * 2


def verify_file_set(folder: Path, title: str, record: str = CHECKSUMS) -> None:
    """Read every byte of a file set.

    Args:
        folder: The set's folder.
        title: Names the set in an error message, as in `Generation 2026-11-22`.
        record: The name of the record.

    Raises:
        GenerationError: A file is missing or damaged; the message names it.
    """
    verify_files(folder, title, read_checksums(folder, title, record))


def read_checksums(folder: Path, title: str, record: str = CHECKSUMS) -> dict[str, str]:
    """Read the record of a file set and compare it with its seal.

    Raises:
        GenerationError: The record or its seal is missing or damaged.
    """
    seal = seal_path(folder / record)
    return decode_checksums(
        title, record, *(path.read_bytes() if path.is_file() else None for path in (folder / record, seal))
    )


def decode_checksums(title: str, record: str, content: bytes | None, seal: bytes | None) -> dict[str, str]:
    """Compare a record with its seal and decode it.

    Args:
        title: Names the set in an error message.
        record: The name of the record.
        content: The record's bytes, None if it is missing.
        seal: The seal's bytes, None if it is missing.

    Raises:
        GenerationError: The record or its seal is missing or damaged.
    """
    if content is None or seal is None:
        raise missing_file(title, record if content is None else seal_path(Path(record)).name)
    verify_seal(title, record, content, seal)
    try:
        return msgspec.json.decode(content, type=dict[str, str])
    except (ValueError, RecursionError) as error:
        message = f"{title} is damaged: {record} cannot be read ({error})."
        raise GenerationError(message) from None


def verify_seal(title: str, record: str, content: bytes, seal: bytes) -> None:
    """Compare a record with its seal.

    Raises:
        GenerationError: They differ; the message names the damaged one.
    """
    if seal == seal_of(record, content):
        return
    first, _, second = seal.partition(b"\n")
    raise damaged_file(title, record if first + b"\n" == second else seal_path(Path(record)).name)


def verify_files(folder: Path, title: str, checksums: Mapping[str, str | None]) -> None:
    """Compare files with their checksums.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    compare_files(title, checksums, lambda name: checksum(folder / name) if (folder / name).is_file() else None)


def compare_files(title: str, checksums: Mapping[str, str | None], checksum_of: Callable[[str], str | None]) -> None:
    """Compare files in any place with their checksums.

    Args:
        title: Names the set in an error message.
        checksums: The checksum of every file as written; None matches no file.
        checksum_of: Returns a file's checksum now, None if it is missing.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    for name, expected in checksums.items():
        present = checksum_of(name)
        if present is None:
            raise missing_file(title, name)
        if present != expected:
            raise damaged_file(title, name)


def missing_file(title: str, name: str) -> GenerationError:
    """Return the error of a missing file."""
    return GenerationError(f"{title} is incomplete: {name} is missing.")


def damaged_file(title: str, name: str) -> GenerationError:
    """Return the error of a file whose content changed."""
    return GenerationError(f"{title} is damaged: {name} does not match its checksum.")
