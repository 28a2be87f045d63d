"""One revision of a generation: an index of its items, and the items that are no longer listed.

revision.json     what it is
items.ann         the index (`state/generations/item_index.py`); missing where there is nothing to index
checksums.json    the checksum of both, sealed (`state/storage/checksums.py`)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import numpy as np

from model.arrays import Floats, Keys, Rows
from state.errors import GenerationError
from state.generations.item_index import ItemIndex, build_index, n_long_of, open_index, rows_to_index
from state.keys import item_key
from state.storage.checksums import verify_file_set, write_checksums
from state.storage.files import aside_in, fsync_folder, write_file

REVISION_FORMAT = 1
RECORD = "revision.json"
INDEX = "items.ann"


class Items(Protocol):
    """What a revision has to know of its generation."""

    @property
    def id(self) -> str:
        """Return the generation's name."""

    @property
    def item_factors(self) -> Floats:
        """Return the item vectors, shape (n, f)."""

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the row of every item key, -1 for an unknown one."""


class RevisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision says of itself."""

    format: int
    generation_id: str
    revision: int
    withdrawn: list[str]
    """Ids of the items that are never listed, sorted; among them such that this generation does not know."""
    metric: Literal["angular"] = "angular"
    n_long: int
    """How many items, those of the first rows, are too long for the index."""
    n_indexed: int
    trees: int


@dataclass(frozen=True)
class Revision:
    """A revision, open for service."""

    number: int
    withdrawn_rows: Rows
    """Rows of the items that are never listed, ascending."""
    index: ItemIndex | None
    withdrawn: tuple[str, ...] = ()
    """Their ids, and those of items that the generation does not know; the next revision carries them on."""

    @classmethod
    def none(cls) -> "Revision":
        """Return what a generation has to which no revision was written."""
        return cls(0, np.empty(0, np.int32), None)


def write_revision(
    items: Items, folder: Path, number: int, withdrawn: Sequence[str], trees: int, into: Path | None = None
) -> Path:
    """Write a revision so that it exists whole or not at all; the same arguments give the same bytes.

    Step 1: build the index aside, in a process of its own. Step 2: write the record and the checksums, and sync.
    Step 3: open it as a worker would, which verifies it. Step 4: rename it and sync the folder that it lies in.

    Args:
        items: The generation, open.
        folder: The generation's folder.
        number: The revision's number. If it is there already, it has to be the same.
        withdrawn: Ids of the items that are never listed, in any order; the generation need not know them.
        trees: How many trees the index has.
        into: The folder to write to, if not the generation's own.

    Returns:
        The revision's folder.

    Raises:
        GenerationError: Another revision has this number.
        IndexBuildError: The index could not be built.
    """
    place = (into or folder) / f"revision-{number}"
    rows = _withdrawn_rows(items, withdrawn)
    n_items = len(items.item_factors)
    indexed = rows_to_index(n_items, n_long_of(n_items), rows)
    record = RevisionRecord(
        format=REVISION_FORMAT,
        generation_id=items.id,
        revision=number,
        withdrawn=sorted(set(withdrawn)),
        n_long=n_long_of(n_items),
        n_indexed=len(indexed),
        trees=trees,
    )
    with aside_in(place.parent) as aside:
        if place.exists():
            _verify_same(place, items, record)
            return place
        part = aside / place.name
        part.mkdir()
        # Step 1
        if len(indexed):
            build_index(folder / "item_factors.npy", indexed, part / INDEX, trees)
        # Step 2
        write_file(part / RECORD, msgspec.json.format(msgspec.json.encode(record)))
        write_checksums(part, sorted(path.name for path in part.iterdir()))
        # Step 3
        open_revision(part, items)
        # Step 4
        part.rename(place)
        fsync_folder(place.parent)
    return place


def open_revision(folder: Path, items: Items) -> Revision:
    """Open and verify a revision.

    Args:
        folder: Its folder, `revision-<number>`.
        items: The generation that it belongs to.

    Raises:
        GenerationError: A file is missing or damaged, or belongs to something else.
    """
    what = _words(folder, items)
    verify_file_set(folder, what)
    record = _read_record(folder, what)
    if (record.generation_id, f"revision-{record.revision}") != (items.id, folder.name):
        message = f"{what} is damaged: it is revision {record.revision} of generation {record.generation_id}."
        raise GenerationError(message)
    rows = _withdrawn_rows(items, record.withdrawn)
    index = None
    if record.n_indexed:
        try:
            index = open_index(folder / INDEX, items.item_factors.shape, record.n_long, rows, record.trees)
        except ValueError as error:
            message = f"{what} is damaged: {INDEX} does not fit ({error})."
            raise GenerationError(message) from None
    return Revision(record.revision, rows, index, tuple(record.withdrawn))


def _withdrawn_rows(items: Items, withdrawn: Sequence[str]) -> Rows:
    rows = items.rows_of(np.array([item_key(item_id) for item_id in withdrawn], np.uint64))
    return np.unique(rows[rows >= 0])


def _words(folder: Path, items: Items) -> str:
    return f"Revision {folder.name.rpartition('-')[2]} of generation {items.id}"


def _read_record(folder: Path, what: str) -> RevisionRecord:
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=RevisionRecord)
    except (OSError, ValueError) as error:
        message = f"{what} is damaged: {RECORD} cannot be read ({error})."
        raise GenerationError(message) from None
    if record.format != REVISION_FORMAT:
        message = f"{what} is of format {record.format}; this version reads {REVISION_FORMAT}."
        raise GenerationError(message)
    return record


def _verify_same(place: Path, items: Items, record: RevisionRecord) -> None:
    """See that the revision that is there is the one to be written."""
    what = _words(place, items)
    verify_file_set(place, what)
    if _read_record(place, what) != record:
        message = f"{what} is there, and is another one; write this one under the next number."
        raise GenerationError(message)
