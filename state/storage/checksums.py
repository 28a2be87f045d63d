"""A set of files: a folder whose record lists the checksum of every file, and whose record is sealed.

The seal of `manifest.json` is `manifest.sha256`, in the form that `sha256sum --check` reads. It tells the record's
checksum twice, so that a flipped byte in the seal is not taken for one in the record.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from state.errors import GenerationError
from state.storage.files import fsync_folder, write_file

CHECKSUMS = "checksums.json"
"""The record of a set that has no other."""


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, names: Iterable[str], record: str = CHECKSUMS) -> None:
    """Write the checksums of a folder's files into a sealed record, and wait until all of it is on the disk.

    Args:
        folder: A folder aside, which is renamed when this is done.
        names: Its files, without the record.
        record: The file that lists them.
    """
    found = {name: checksum(folder / name) for name in names}
    write_sealed(folder / record, msgspec.json.format(msgspec.json.encode(found)))
    fsync_folder(folder)


def write_sealed(path: Path, content: bytes) -> None:
    """Write a record and its seal."""
    write_file(path, content)
    write_file(seal_path(path), seal_of(path.name, content))


def seal_path(record: Path) -> Path:
    """Return where the seal of a record stands."""
    return record.with_suffix(".sha256")


def seal_of(record: str, content: bytes) -> bytes:
    """Return the seal of a record with this content."""
    return f"{hashlib.sha256(content).hexdigest()}  {record}\n".encode() * 2


def verify_file_set(folder: Path, what: str, record: str = CHECKSUMS) -> None:
    """Read every byte of a set.

    Args:
        folder: Where it is.
        what: The words that name it at the beginning of a sentence, as in `Generation 2026-11-22`.
        record: The file that lists the checksums.

    Raises:
        GenerationError: A file is missing or damaged; the sentence names it.
    """
    verify_files(folder, what, read_checksums(folder, what, record))


def read_checksums(folder: Path, what: str, record: str = CHECKSUMS) -> dict[str, str]:
    """Read the record of a set, after comparing it with its seal.

    Raises:
        GenerationError: The record or its seal is missing or damaged.
    """
    seal = seal_path(folder / record)
    return decode_checksums(
        what, record, *(path.read_bytes() if path.is_file() else None for path in (folder / record, seal))
    )


def decode_checksums(what: str, record: str, content: bytes | None, seal: bytes | None) -> dict[str, str]:
    """Return the checksums that stand in a record.

    Args:
        what: The words that name the set.
        record: The record's name.
        content: Its bytes, None if it is missing.
        seal: Those of its seal, None if it is missing.

    Raises:
        GenerationError: One of them is missing or damaged.
    """
    if content is None or seal is None:
        raise missing_file(what, record if content is None else seal_path(Path(record)).name)
    verify_seal(what, record, content, seal)
    try:
        return msgspec.json.decode(content, type=dict[str, str])
    except (ValueError, RecursionError) as error:
        message = f"{what} is damaged: {record} cannot be read ({error})."
        raise GenerationError(message) from None


def verify_seal(what: str, record: str, content: bytes, seal: bytes) -> None:
    """Compare a record with its seal.

    Raises:
        GenerationError: They differ; the sentence names the one that is damaged.
    """
    if seal == seal_of(record, content):
        return
    first, _, second = seal.partition(b"\n")
    raise damaged_file(what, record if first + b"\n" == second else seal_path(Path(record)).name)


def verify_files(folder: Path, what: str, checksums: Mapping[str, str | None]) -> None:
    """Compare files with their checksums.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    compare_files(what, checksums, lambda name: checksum(folder / name) if (folder / name).is_file() else None)


def compare_files(what: str, checksums: Mapping[str, str | None], found: Callable[[str], str | None]) -> None:
    """Compare what is found with what was written, wherever it is.

    Args:
        what: The words that name the set.
        checksums: What every file had when it was written; None verifies nothing.
        found: Gives what a file has now, None if it is missing.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    for name, expected in checksums.items():
        present = found(name)
        if present is None:
            raise missing_file(what, name)
        if present != expected:
            raise damaged_file(what, name)


def missing_file(what: str, name: str) -> GenerationError:
    """Return the error of a file that is not there."""
    return GenerationError(f"{what} is incomplete: {name} is missing.")


def damaged_file(what: str, name: str) -> GenerationError:
    """Return the error of a file that is not what it was."""
    return GenerationError(f"{what} is damaged: {name} does not match its checksum.")
