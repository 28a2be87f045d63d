"""The index of a generation's items: who may be in a list, among millions, without looking at every item."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex

from model.arrays import Floats, Rows
from streams.process.child_process import Child

LONG_SHARE = 0.05
LONG_MAX = 16_384
"""Items with the longest vectors, at most this many, are scored by themselves: one huge norm would squeeze all others
into a narrow cone, in which Annoy tells nothing apart."""
SEARCH, SEARCH_AN_ITEM = 2000, 10
"""Items that a query looks at, and so many more for each that is wanted or known already."""
INDEXED_MIN = 100
"""Fewer items have no index."""
BUILD_S = 3600.0
STOP_S = 2


class IndexBuildError(RuntimeError):
    """An index could not be built. Nothing changed: mend what the message names and build it again."""


class ItemIndex:
    """An Annoy index, mapped read-only, of all items but the longest and the withdrawn ones.

    Attributes:
        n_long: How many items, those of the first rows, it does not hold.
    """

    def __init__(self, annoy: AnnoyIndex, n_long: int) -> None:
        """Take an index whose items are numbered by their rows."""
        self.n_long = n_long
        self._annoy = annoy

    def find(self, query: Floats, n: int, listed_share: float = 1.0) -> Rows:
        """Return the rows of items for a user vector, so many that the best n listed ones are among them as a rule.

        Their order says nothing: an angle is no score. So all that was looked at is returned, to be scored.

        Args:
            query: The user vector.
            n: How many are wanted.
            listed_share: Share of its items that may be in a list; the fewer, the more of them are looked at.
        """
        n_search = int((SEARCH + SEARCH_AN_ITEM * n) / listed_share)
        found = self._annoy.get_nns_by_vector([*query.tolist(), 0.0], n_search, n_search)
        return np.array(found, np.int32)


def n_long_of(n_items: int) -> int:
    """Return how many items, those of the first rows, are not indexed."""
    return min(LONG_MAX, int(n_items * LONG_SHARE))


def rows_to_index(n_items: int, n_long: int, withdrawn_rows: Rows) -> Rows:
    """Return the rows that an index holds, ascending: neither the longest items, nor the withdrawn ones.

    Where next to nothing is left there is none, and no row.
    """
    rows = np.arange(n_long, n_items, dtype=np.int32)
    rows = rows[~np.isin(rows, withdrawn_rows)]
    return rows if len(rows) >= INDEXED_MIN else rows[:0]


def open_index(path: Path, shape: tuple[int, int], n_long: int, withdrawn_rows: Rows, trees: int) -> ItemIndex:
    """Map an index.

    Args:
        path: The file.
        shape: That of the item factors: items, and length of a vector.
        n_long: How many of the first rows it does not hold.
        withdrawn_rows: Others that it does not hold.
        trees: How many trees it has.

    Raises:
        ValueError: The file holds something else. Annoy itself would take it for what it is told to expect.
    """
    n_items, factors = shape
    annoy = AnnoyIndex(factors + 1, "angular")
    rows = rows_to_index(n_items, n_long, withdrawn_rows)
    try:
        annoy.load(str(path))
    except OSError as error:
        raise ValueError(str(error)) from None
    found, expected = (annoy.get_n_items(), annoy.get_n_trees()), (int(rows[-1]) + 1 if len(rows) else 0, trees)
    if found != expected:
        message = f"it has {found[0]} items and {found[1]} trees instead of {expected[0]} and {expected[1]}"
        raise ValueError(message)
    return ItemIndex(annoy, n_long)


def build_index(factors: Path, rows: Rows, target: Path, trees: int) -> None:
    """Build an index in a process of its own, which ends with this one, and wait for it.

    Args:
        factors: The file of the item vectors.
        rows: Rows to index, at least one.
        target: The file to write; its folder takes some files more while the index is built.
        trees: How many trees.

    Raises:
        IndexBuildError: It could not be built, for lack of room on the disk as a rule, or it took too long.
    """
    given, said = target.with_name("rows.npy"), target.with_name("builder.log")
    np.save(given, rows)
    command = [sys.executable, "-m", "state.generations.index_builder", *map(str, (factors, given, target, trees))]
    with said.open("wb") as output:
        child = Child(command, output, STOP_S)
        try:
            status = child.wait(BUILD_S)
        except subprocess.TimeoutExpired:
            message = f"An index of {len(rows)} items was not built within {BUILD_S:g} s; try fewer trees."
            raise IndexBuildError(message) from None
        finally:
            child.stop()
    if status != 0:
        last = [line.strip() for line in said.read_text(errors="replace").splitlines() if line.strip()][-1:]
        reason = last[0] if last else "it says nothing: is the disk full?"
        message = f"An index of {len(rows)} items could not be built in {target.parent} (status {status}: {reason})."
        raise IndexBuildError(message)
    given.unlink()
    said.unlink()
