"""A generation, one set of item factors: a folder that is written atomically, verified and mapped read-only.

manifest.json        its origin, objective and quality, and the checksum of every file
manifest.sha256      the manifest's own checksum
item_ids.json        item ids in row order
item_keys.npy        u64 (n,), keys in row order
key_order.npy        i32 (n,), rows in the order of their keys
item_factors.npy     f32 (n, f), rows by descending norm, in the basis in which the gram is diagonal
gram_diagonal.npy    f32 (f,), scaled by the objective
popularity.npy       f32 (n,), the sum of all listeners' plays of an item, decayed to a moment that the manifest names

Parts are folders in it, each with its own record of checksums. They may be added later:

revision-<n>/        an index of the items, and the withdrawn items (`state/generations/revision.py`)
related/             the nearest items of every item (`state/generations/related_items.py`)
"""

import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Floats, Keys, Rows, as_kernel_array
from model.blend import preferences
from model.fixed_items import FixedItems, vector_lengths
from model.key_index import KeyIndex
from state.errors import GenerationError
from state.generations.generation_files import ARRAYS, FILES, ITEM_IDS, revision_part, verify_base
from state.generations.manifest import MANIFEST_FORMAT, Manifest, write_manifest
from state.generations.revision import Revision, open_revision
from state.json_strings import JsonStrings, json_strings
from state.keys import MARK, generation_key, item_key
from state.storage.checksums import checksum
from state.storage.files import fsync_folder, write_file


class Catalog(NamedTuple):
    """The trained items, in any order; `write_generation` sorts the rows."""

    item_ids: list[str]
    item_factors: Floats
    gram_diagonal: Floats
    popularity: Floats


@dataclass(frozen=True)
class Generation:
    """An open generation."""

    manifest: Manifest
    item_ids: NDArray[np.object_]
    item_ids_text: Codes  # the ids as their file has them
    item_keys: Keys
    key_order: Rows
    item_factors: Floats
    gram_diagonal: Floats
    popularity: Floats
    revision: Revision = field(default_factory=Revision.none)

    @property
    def id(self) -> str:
        """Return the generation's name."""
        return self.manifest.generation_id

    @cached_property
    def key(self) -> int:
        """Return the key of this generation in user records."""
        return generation_key(self.id)

    @cached_property
    def fixed_items(self) -> FixedItems:
        """Return the item vectors as users are solved against them and ranked."""
        return FixedItems(self.item_factors, self.gram_diagonal)

    @property
    def norms(self) -> Floats:
        """Return the length of every item vector, shape (n,), descending."""
        return self.fixed_items.norms

    @cached_property
    def popular_order(self) -> Rows:
        """Return all rows, most popular first, ties by row; withdrawn items are included."""
        return np.argsort(-self.popularity, kind="stable").astype(np.int32)

    @cached_property
    def preference(self) -> Floats:
        """Return the plays of every item by an average listener of the training, at most 1, shape (n,)."""
        return preferences(self.popularity, self.manifest.plays_per_listener)

    @cached_property
    def marks(self) -> Counts:
        """Return the marks of the items, by which user records store a list, shape (n,)."""
        return as_kernel_array(self.item_keys & np.uint64(MARK), np.uint32)

    @cached_property
    def json_ids(self) -> JsonStrings:
        """Return the item ids as JSON strings, by row: parts of the mapped file, or of a copy of one with spaces."""
        try:
            return json_strings(self.item_ids_text, len(self.item_ids))
        except ValueError:
            compact = np.frombuffer(msgspec.json.encode(self.item_ids.tolist()), np.uint8)
            return json_strings(compact, len(self.item_ids))

    @cached_property
    def _key_index(self) -> KeyIndex:
        return KeyIndex.of(self.item_keys[self.key_order], self.key_order)

    def with_revision(self, revision: Revision) -> "Generation":
        """Return this generation with another revision; computed arrays are shared."""
        other = replace(self, revision=revision)
        computed = ("key", "fixed_items", "marks", "popular_order", "preference", "json_ids", "_key_index")
        vars(other).update({name: vars(self)[name] for name in computed if name in vars(self)})
        return other

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the row of every item key, -1 for an unknown item."""
        return self._key_index.find(item_keys)


def write_generation(folder: Path, manifest: Manifest, catalog: Catalog) -> None:
    """Write a generation atomically.

    Step 1: write every file into a folder aside and sync it. Step 2: open it as a worker would, which verifies it.
    Step 3: rename the folder and sync its parent.

    Raises:
        GenerationError: The folder exists, or the written files do not verify.
    """
    if folder.exists():
        message = f"Generation {folder.name} exists in {folder.parent}; publish under another name."
        raise GenerationError(message)
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    # Step 1
    checksums = _write_files(aside, catalog)
    write_manifest(aside, msgspec.structs.replace(manifest, format=MANIFEST_FORMAT, checksums=checksums))
    fsync_folder(aside)
    # Step 2
    open_generation(aside)
    # Step 3
    aside.rename(folder)
    fsync_folder(folder.parent)


def _write_files(folder: Path, catalog: Catalog) -> dict[str, str]:
    order = np.argsort(-vector_lengths(catalog.item_factors), kind="stable")
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
    return {name: checksum(folder / name) for name in FILES}


def open_generation(folder: Path, revision: int | None = None) -> Generation:
    """Open and verify a generation.

    Args:
        folder: The generation's folder.
        revision: The revision to open with it; the highest one if left out.

    Raises:
        GenerationError: A file is missing or damaged, or the revision does not exist.
    """
    manifest = verify_base(folder)
    arrays: dict[str, Any] = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ARRAYS}
    text = np.asarray(np.memmap(folder / ITEM_IDS, np.uint8, mode="r"))
    item_ids = np.array(msgspec.json.decode(text.data, type=list[str]), dtype=object)
    base = Generation(manifest=manifest, item_ids=item_ids, item_ids_text=text, **arrays)
    return base.with_revision(_open_revision(folder, base, revision))


def _open_revision(folder: Path, base: Generation, revision: int | None) -> Revision:
    """Open a revision; a generation without revisions has `Revision.none` as number 0."""
    part = revision_part(folder, revision)
    return Revision.none() if part is None else open_revision(part, base)
