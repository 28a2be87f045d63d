"""One set of item factors: a folder that is written whole, verified by its checksums and mapped read-only.

manifest.json        what it is, what it was trained with and through, checksum of every file
item_ids.json        item ids in row order
item_keys.npy        u64 (n,), keys in row order
key_order.npy        i32 (n,), rows in the order of their keys
item_factors.npy     f32 (n, f), rows by descending norm, in the basis in which the gram is diagonal
gram_diagonal.npy    f32 (f,), scaled by the objective
popularity.npy       f32 (n,), what all listeners' plays of an item are worth
"""

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Keys, Rows
from model.objective import Objective
from state.disk import fsync_folder, write_file
from state.errors import GenerationError
from state.keys import generation_key, item_key

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
ARRAYS = ("item_keys", "key_order", "item_factors", "gram_diagonal", "popularity")
ITEM_IDS = "item_ids.json"
FILES = (ITEM_IDS, *(f"{name}.npy" for name in ARRAYS))
"""Every file beside the manifest."""
POPULAR_N = 1000


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation says of itself."""

    format: int = MANIFEST_FORMAT
    generation_id: str
    created_at_ms: int
    parent: str | None
    """The generation that was in service when this one was trained."""
    trained_through: dict[int, int]
    """Per partition, the offset after the last changelog record that was trained on."""
    objective: Objective
    n_users: int
    n_items: int
    n_plays: int
    checksums: dict[str, str] = {}
    """SHA-256 of every other file."""


class Catalog(NamedTuple):
    """What a training knows of its items, in any order; rows are sorted when a generation is written."""

    item_ids: list[str]
    item_factors: Floats
    gram_diagonal: Floats
    popularity: Floats


@dataclass(frozen=True)
class Generation:
    """A generation, open for service."""

    manifest: Manifest
    item_ids: NDArray[np.object_]
    item_keys: Keys
    key_order: Rows
    item_factors: Floats
    gram_diagonal: Floats
    popularity: Floats

    @property
    def id(self) -> str:
        """Return the generation's name."""
        return self.manifest.generation_id

    @cached_property
    def key(self) -> int:
        """Return the key that user records carry of this generation."""
        return generation_key(self.id)

    @cached_property
    def norms(self) -> Floats:
        """Return the length of every item vector, shape (n,), descending."""
        norms: Floats = np.linalg.norm(self.item_factors, axis=1)
        return norms

    @cached_property
    def popular_rows(self) -> Rows:
        """Return the rows of the most popular items, the first being the most popular; ties by row."""
        return np.argsort(-self.popularity, kind="stable")[:POPULAR_N].astype(np.int32)

    @cached_property
    def _sorted_keys(self) -> Keys:
        keys: Keys = self.item_keys[self.key_order]
        return keys

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the row of every item key, -1 for an item that this generation does not know."""
        places = np.minimum(np.searchsorted(self._sorted_keys, item_keys), len(self._sorted_keys) - 1)
        rows: Rows = np.where(self._sorted_keys[places] == item_keys, self.key_order[places], np.int32(-1))
        return rows


def write_generation(folder: Path, manifest: Manifest, catalog: Catalog) -> None:
    """Write a generation so that it exists whole or not at all.

    Step 1: write every file into a folder aside and sync it. Step 2: open it as a worker would, which verifies it.
    Step 3: rename the folder and sync its parent.

    Raises:
        GenerationError: The folder exists, or what was written does not verify.
    """
    if folder.exists():
        message = f"Generation {folder.name} exists in {folder.parent}; publish under another name."
        raise GenerationError(message)
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    # Step 1
    checksums = _write_files(aside, catalog)
    write_file(aside / MANIFEST, msgspec.json.format(msgspec.json.encode(_with(manifest, checksums))))
    fsync_folder(aside)
    # Step 2
    open_generation(aside)
    # Step 3
    aside.rename(folder)
    fsync_folder(folder.parent)


def _with(manifest: Manifest, checksums: dict[str, str]) -> Manifest:
    return msgspec.structs.replace(manifest, checksums=checksums)


def _write_files(folder: Path, catalog: Catalog) -> dict[str, str]:
    order = np.argsort(-np.linalg.norm(catalog.item_factors, axis=1), kind="stable")
    item_ids = [catalog.item_ids[row] for row in order]
    item_keys = np.array([item_key(item_id) for item_id in item_ids], np.uint64)
    write_file(folder / ITEM_IDS, msgspec.json.encode(item_ids))
    arrays: dict[str, NDArray[Any]] = {
        "item_keys": item_keys,
        "key_order": np.argsort(item_keys, kind="stable").astype(np.int32),
        "item_factors": np.ascontiguousarray(catalog.item_factors[order]),
        "gram_diagonal": catalog.gram_diagonal,
        "popularity": catalog.popularity[order],
    }
    for name in ARRAYS:
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, arrays[name])
    return {name: _checksum(folder / name) for name in FILES}


def read_manifest(folder: Path) -> Manifest:
    """Read what a generation says of itself.

    Raises:
        GenerationError: There is no generation, or its manifest cannot be read.
    """
    try:
        manifest = _decode_manifest((folder / MANIFEST).read_bytes())
    except OSError:
        message = f"Generation {folder.name} is not in {folder.parent}; `playfold generations list` shows what is."
        raise GenerationError(message) from None
    except (ValueError, RecursionError) as error:
        message = f"Generation {folder.name} is damaged: its manifest cannot be read ({error})."
        raise GenerationError(message) from None
    if manifest.format != MANIFEST_FORMAT:
        message = f"Generation {folder.name} is of format {manifest.format}; this version reads {MANIFEST_FORMAT}."
        raise GenerationError(message)
    return manifest


def _decode_manifest(content: bytes) -> Manifest:
    """Read a manifest; JSON has no infinity, so a half-life that never ends is written as null."""
    fields = msgspec.json.decode(content, type=dict[str, Any])
    objective = fields.get("objective")
    if isinstance(objective, dict) and objective.get("half_life_plays", 0) is None:
        objective["half_life_plays"] = float("inf")
    return msgspec.convert(fields, Manifest, str_keys=True)


def open_generation(folder: Path) -> Generation:
    """Open and verify a generation.

    Raises:
        GenerationError: A file is missing or does not match its checksum.
    """
    manifest = read_manifest(folder)
    for name in FILES:
        path = folder / name
        if not path.is_file():
            message = f"Generation {manifest.generation_id} is incomplete: {name} is missing."
            raise GenerationError(message)
        if _checksum(path) != manifest.checksums.get(name):
            message = f"Generation {manifest.generation_id} is damaged: {name} does not match its checksum."
            raise GenerationError(message)
    arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ARRAYS}
    item_ids = np.array(msgspec.json.decode((folder / ITEM_IDS).read_bytes(), type=list[str]), dtype=object)
    return Generation(manifest=manifest, item_ids=item_ids, **arrays)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
