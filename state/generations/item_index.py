"""The index of a generation's items: finds candidates for a list among millions without scoring every item."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex

from model.arrays import Floats, Rows
from streams.process.child_process import Child

LONG_SHARE = 0.05
LONG_MAX = 16_384
"""At most this many items with the largest norms are scored exactly instead of indexed: one huge norm would squeeze all
others into a narrow cone, in which Annoy cannot separate them."""
SEARCH, SEARCH_AN_ITEM = 2000, 10
"""Items that a query inspects, and the additional ones for each wanted item."""
INDEXED_MIN = 100
"""Fewer items get no index."""
BUILD_S = 3600.0
STOP_S = 2


class IndexBuildError(RuntimeError):
    """An index could not be built. Nothing changed: remove the cause that the message names and build it again."""


class ItemIndex:
    """A memory-mapped Annoy index of all items except the longest and the withdrawn ones.

    Attributes:
        n_long: The number of first rows that are not indexed.
    """

    def __init__(self, annoy: AnnoyIndex, n_long: int) -> None:
        """Wrap an index whose item numbers are rows."""
        self.n_long = n_long
        self._annoy = annoy

    def find(self, query: Floats, n: int, listed_share: float = 1.0) -> Rows:
        """Return candidate rows for a user vector; they usually contain the best n items that may be listed.

        Their order means nothing, because an angle is not a score: the caller scores them all.

        Args:
            query: The user vector.
            n: The number of items wanted.
            listed_share: The share of items that may be listed; a smaller share makes the search wider.
        """
        n_search = int((SEARCH + SEARCH_AN_ITEM * n) / listed_share)
        rows = self._annoy.get_nns_by_vector([*query.tolist(), 0.0], n_search, n_search)
        return np.array(rows, np.int32)


def n_long_of(n_items: int) -> int:
    """Return the number of first rows that are not indexed."""
    return min(LONG_MAX, int(n_items * LONG_SHARE))


def rows_to_index(n_items: int, n_long: int, withdrawn_rows: Rows) -> Rows:
    """Return the rows to index, ascending: all but the longest and the withdrawn items; none if they are too few."""
    rows = np.arange(n_long, n_items, dtype=np.int32)
    rows = rows[~np.isin(rows, withdrawn_rows)]
    return rows if len(rows) >= INDEXED_MIN else rows[:0]


def open_index(path: Path, shape: tuple[int, int], n_long: int, withdrawn_rows: Rows, trees: int) -> ItemIndex:
    """Map an index.

    Args:
        path: The index file.
        shape: The shape of the item factors.
        n_long: The number of first rows that are not indexed.
        withdrawn_rows: Other rows that are not indexed.
        trees: The number of trees.

    Raises:
        ValueError: The file is another index. Annoy itself does not check that.
    """
    n_items, factors = shape
    annoy = AnnoyIndex(factors + 1, "angular")
    rows = rows_to_index(n_items, n_long, withdrawn_rows)
    try:
        annoy.load(str(path))
    except OSError as error:
        raise ValueError(str(error)) from None
    sizes, expected = (annoy.get_n_items(), annoy.get_n_trees()), (int(rows[-1]) + 1 if len(rows) else 0, trees)
    if sizes != expected:
        message = f"it has {sizes[0]} items and {sizes[1]} trees instead of {expected[0]} and {expected[1]}"
        raise ValueError(message)
    return ItemIndex(annoy, n_long)


def build_index(factors: Path, rows: Rows, target: Path, trees: int) -> None:
    """Build an index in a child process, which ends with this one, and wait for it.

    Args:
        factors: The file of the item vectors.
        rows: Rows to index, at least one.
        target: The file to write; its folder also takes temporary files.
        trees: The number of trees.

    Raises:
        IndexBuildError: It could not be built, usually because the disk is full, or it took too long.
    """
    rows_file, log_file = target.with_name("rows.npy"), target.with_name("builder.log")
    np.save(rows_file, rows)
    command = [sys.executable, "-m", "state.generations.index_builder", *map(str, (factors, rows_file, target, trees))]
    with log_file.open("wb") as output:
        child = Child(command, output, STOP_S)
        try:
            status = child.wait(BUILD_S)
        except subprocess.TimeoutExpired:
            message = f"An index of {len(rows)} items was not built within {BUILD_S:g} s; try fewer trees."
            raise IndexBuildError(message) from None
        finally:
            child.stop()
    if status != 0:
        last_line = [line.strip() for line in log_file.read_text(errors="replace").splitlines() if line.strip()][-1:]
        reason = last_line[0] if last_line else "it says nothing: is the disk full?"
        message = f"An index of {len(rows)} items could not be built in {target.parent} (status {status}: {reason})."
        raise IndexBuildError(message)
    rows_file.unlink()
    log_file.unlink()
