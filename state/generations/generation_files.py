"""The files of a generation and of its parts: their names, and whether they are whole.

Nothing is opened here, so no array and no kernel is loaded: a command that lists or verifies generations starts fast.
"""

from collections.abc import Collection
from pathlib import Path

from state.errors import GenerationError
from state.generations.manifest import MANIFEST, Manifest, read_manifest
from state.storage.checksums import missing_file, verify_file_set, verify_files

ARRAYS = ("item_keys", "key_order", "item_factors", "gram_diagonal", "popularity")
ITEM_IDS = "item_ids.json"
FILES = (ITEM_IDS, *(f"{name}.npy" for name in ARRAYS))
"""All files except the manifest and the parts."""
REVISION_PREFIX = "revision-"


def verify_base(folder: Path) -> Manifest:
    """Read every byte of a generation except its parts.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    manifest = read_manifest(folder)
    verify_files(folder, f"Generation {manifest.generation_id}", checksums_of(manifest))
    return manifest


def checksums_of(manifest: Manifest) -> dict[str, str | None]:
    """Return the expected checksum of every file, None if the manifest has none."""
    return {name: manifest.checksums.get(name) for name in FILES}


def part_title(generation_id: str, part: str) -> str:
    """Return the title of a part for error messages."""
    number = part.removeprefix(REVISION_PREFIX)
    return f"{f'Revision {number}' if number != part else f'Part {part}'} of generation {generation_id}"


def verify_generation(folder: Path) -> Manifest:
    """Read every byte of a generation and of its parts.

    Raises:
        GenerationError: A file is missing or damaged; the message names it.
    """
    manifest = verify_base(folder)
    for part in sorted(path for path in folder.glob("[!.]*") if path.is_dir()):
        verify_file_set(part, part_title(manifest.generation_id, part.name))
    return manifest


def verify_present(generation_id: str, names: Collection[str]) -> None:
    """Check that a generation has all files, by their names alone.

    Raises:
        GenerationError: One is missing.
    """
    title = f"Generation {generation_id}"
    for name in (MANIFEST, *FILES):
        if name not in names:
            raise missing_file(title, name)


def revision_numbers(folder: Path) -> list[int]:
    """Return the numbers of the revisions in a generation's folder, ascending."""
    names = [path.name.removeprefix(REVISION_PREFIX) for path in folder.glob(f"{REVISION_PREFIX}*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())


def revision_part(folder: Path, revision: int | None) -> Path | None:
    """Return the folder of a revision; None for revision 0 of a generation that was published without one.

    Args:
        folder: The generation's folder.
        revision: The revision; the highest one if left out.

    Raises:
        GenerationError: The revision does not exist.
    """
    numbers = revision_numbers(folder)
    number = revision if revision is not None else max(numbers, default=0)
    if number in numbers:
        return folder / f"{REVISION_PREFIX}{number}"
    if number:
        message = f"Generation {folder.name} has no revision {number}; it has {', '.join(map(str, numbers)) or 'none'}."
        raise GenerationError(message)
    return None


def verify_served(folder: Path, revision: int) -> Manifest:
    """Read every byte that a worker opens: a generation and one of its revisions.

    Raises:
        GenerationError: A file is missing or damaged, or the revision does not exist.
    """
    manifest, part = verify_base(folder), revision_part(folder, revision)
    if part is not None:
        verify_file_set(part, part_title(manifest.generation_id, part.name))
    return manifest
