"""Names of generations, and the errors of a name that is missing, taken or wrong."""

import re
from datetime import UTC, datetime
from pathlib import Path

from state.errors import GenerationError
from state.generations.manifest import Manifest
from state.storage.checksums import CHECKSUMS, verify_file_set

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def new_generation_id(now_ms: int) -> str:
    """Return a generation's name: the UTC time at which it was made, sortable and fit for a folder.

    >>> new_generation_id(1_700_000_000_123)
    '2023-11-14T22-13-20.123Z'
    """
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{now_ms % 1000:03d}Z"


def checked_id(generation_id: str, location: str) -> str:
    """Return a generation's name unchanged, after checking that it is a plain name: announcements are not trusted.

    Raises:
        GenerationError: It is not a plain name, so no store contains it.
    """
    if not _ID.fullmatch(generation_id):
        raise missing_generation(generation_id, location)
    return generation_id


def verify_manifest_id(manifest: Manifest, generation_id: str) -> Manifest:
    """Return a manifest unchanged, after checking that it belongs to the generation.

    Raises:
        GenerationError: It belongs to another generation.
    """
    if manifest.generation_id != generation_id:
        message = f"Generation {generation_id} is damaged: its manifest is that of generation {manifest.generation_id}."
        raise GenerationError(message)
    return manifest


def verify_same_revision(title: str, published_checksums: bytes, folder: Path) -> None:
    """Check that a revision equals the one that is published under its number.

    Args:
        title: Names the revision in an error message.
        published_checksums: The published revision's record of checksums.
        folder: The revision to compare.

    Raises:
        GenerationError: The two differ, or the files in `folder` are damaged.
    """
    verify_file_set(folder, title)
    if published_checksums != (folder / CHECKSUMS).read_bytes():
        raise taken_revision(title)


def missing_generation(generation_id: str, location: str) -> GenerationError:
    """Return the error of a generation that is not in the store."""
    message = f"Generation {generation_id} is not in {location}; `playfold generations list` prints all ids."
    return GenerationError(message)


def taken_name(generation_id: str, location: str) -> GenerationError:
    """Return the error of a second generation under one name."""
    return GenerationError(f"Generation {generation_id} exists in {location}; publish under another name.")


def taken_revision(title: str) -> GenerationError:
    """Return the error of a second revision under one number."""
    return GenerationError(f"{title} is published, and is another one; publish this one under the next number.")
