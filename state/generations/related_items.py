"""The nearest items of every item of a generation: the part `related/` of its folder.

rows.npy         i32 (n_items, n), item rows, nearest first, -1 where there are fewer
cosines.npy      f32 (n_items, n)
checksums.json   the checksum of both, sealed
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.arrays import Floats, Rows
from state.storage.checksums import verify_file_set, write_checksums
from state.storage.files import fsync_folder

PART = "related"
ROWS, COSINES = "rows.npy", "cosines.npy"


class Related(NamedTuple):
    """The nearest items of every item, by its row."""

    rows: Rows
    """Shape (n_items, n), nearest first, -1 where there are fewer."""
    cosines: Floats
    """Shape (n_items, n)."""


def write_related(generation_folder: Path, related: Related) -> None:
    """Add the related items to a generation's folder, or replace them.

    Step 1: write them into a folder aside and sync it. Step 2: rename it and sync its parent.
    """
    folder = generation_folder / PART
    aside = generation_folder / f".{PART}.aside"
    # Step 1
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    np.save(aside / ROWS, related.rows)
    np.save(aside / COSINES, related.cosines)
    write_checksums(aside, (ROWS, COSINES))
    # Step 2
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    fsync_folder(generation_folder)


def open_related(generation_folder: Path) -> Related | None:
    """Open and verify the related items of a generation; None if it has none.

    Raises:
        GenerationError: A file is missing or damaged.
    """
    folder = generation_folder / PART
    if not folder.is_dir():
        return None
    verify_file_set(folder, f"Part {PART} of generation {generation_folder.name}")
    return Related(*(np.asarray(np.load(folder / name, mmap_mode="r")) for name in (ROWS, COSINES)))
