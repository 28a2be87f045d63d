"""A revision of a generation: an index of its items, and the withdrawn items, which are never listed.

revision.json     its description
items.ann         the index (`state/generations/item_index.py`); missing if there are too few items
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
    """The part of a generation that its revisions need."""

    @property
    def id(self) -> str:
        """Return the generation's name."""

    @property
    def item_factors(self) -> Floats:
        """Return the item vectors, shape (n, f)."""

    def rows_of(self, item_keys: Keys) -> Rows:
        """Return the row of every item key, -1 for an unknown one."""


class RevisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a revision."""

    format: int
    generation_id: str
    revision: int
    withdrawn: list[str]
    """Ids of the withdrawn items, sorted; this generation may not know all of them."""
    metric: Literal["angular"] = "angular"
    n_long: int
    """The number of first rows that are not indexed because their norms are too large."""
    n_indexed: int
    trees: int


@dataclass(frozen=True)
class Revision:
    """An open revision."""

    number: int
    withdrawn_rows: Rows
    """Rows of the withdrawn items, ascending."""
    index: ItemIndex | None
    withdrawn: tuple[str, ...] = ()
    """Ids of the withdrawn items, including unknown ones; the next revision inherits them."""

    @classmethod
    def none(cls) -> "Revision":
        """Return the revision of a generation that was published without one."""
        return cls(0, np.empty(0, np.int32), None)


def write_revision(
    items: Items, folder: Path, number: int, withdrawn: Sequence[str], trees: int, into: Path | None = None
) -> Path:
    """Write a revision atomically, and return its folder; the same arguments give the same bytes.

    Step 1: build the index aside, in another process. Step 2: write the record and the checksums, and sync.
    Step 3: open it as a worker would, which verifies it. Step 4: rename it and sync its parent.

    Args:
        items: The open generation.
        folder: The generation's folder.
        number: The revision's number; an existing revision of this number must be the same.
        withdrawn: Ids of the withdrawn items, in any order; the generation need not know them.
        trees: Trees of the index.
        into: The parent folder of the revision; the generation's folder if left out.

    Raises:
        GenerationError: Another revision has this number.
        IndexBuildError: The index could not be built.
    """
    place = (into or folder) / f"revision-{number}"
    indexed, record = _plan(items, number, withdrawn, trees)
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
        _write_record(part, record)
        # Step 3
        open_revision(part, items)
        # Step 4
        part.rename(place)
        fsync_folder(place.parent)
    return place


def _plan(items: Items, number: int, withdrawn: Sequence[str], trees: int) -> tuple[Rows, RevisionRecord]:
    """Return the rows to index, and the record of a revision."""
    n_items = len(items.item_factors)
    n_long = n_long_of(n_items)
    indexed = rows_to_index(n_items, n_long, _withdrawn_rows(items, withdrawn))
    record = RevisionRecord(
        format=REVISION_FORMAT,
        generation_id=items.id,
        revision=number,
        withdrawn=sorted(set(withdrawn)),
        n_long=n_long,
        n_indexed=len(indexed),
        trees=trees,
    )
    return indexed, record


def _write_record(part: Path, record: RevisionRecord) -> None:
    """Write the record of a revision and the checksums of its files."""
    write_file(part / RECORD, msgspec.json.format(msgspec.json.encode(record)))
    write_checksums(part, sorted(path.name for path in part.iterdir()))


def open_revision(folder: Path, items: Items) -> Revision:
    """Open and verify a revision.

    Args:
        folder: The revision's folder, `revision-<number>`.
        items: The revision's generation.

    Raises:
        GenerationError: A file is missing or damaged, or belongs to another revision.
    """
    title = _title(folder, items)
    verify_file_set(folder, title)
    record = _read_record(folder, title)
    if (record.generation_id, f"revision-{record.revision}") != (items.id, folder.name):
        message = f"{title} is damaged: it is revision {record.revision} of generation {record.generation_id}."
        raise GenerationError(message)
    rows = _withdrawn_rows(items, record.withdrawn)
    index = None
    if record.n_indexed:
        try:
            index = open_index(folder / INDEX, items.item_factors.shape, record.n_long, rows, record.trees)
        except ValueError as error:
            message = f"{title} is damaged: {INDEX} does not fit ({error})."
            raise GenerationError(message) from None
    return Revision(record.revision, rows, index, tuple(record.withdrawn))


def _withdrawn_rows(items: Items, withdrawn: Sequence[str]) -> Rows:
    rows = items.rows_of(np.array([item_key(item_id) for item_id in withdrawn], np.uint64))
    return np.unique(rows[rows >= 0])


def _title(folder: Path, items: Items) -> str:
    return f"Revision {folder.name.rpartition('-')[2]} of generation {items.id}"


def _read_record(folder: Path, title: str) -> RevisionRecord:
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=RevisionRecord)
    except (OSError, ValueError) as error:
        message = f"{title} is damaged: {RECORD} cannot be read ({error})."
        raise GenerationError(message) from None
    if record.format != REVISION_FORMAT:
        message = f"{title} is of format {record.format}; this version reads {REVISION_FORMAT}."
        raise GenerationError(message)
    return record


def _verify_same(place: Path, items: Items, record: RevisionRecord) -> None:
    """Check that an existing revision is the one to be written."""
    title = _title(place, items)
    verify_file_set(place, title)
    if _read_record(place, title) != record:
        message = f"{title} is there, and is another one; write this one under the next number."
        raise GenerationError(message)
