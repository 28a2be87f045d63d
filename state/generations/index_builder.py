"""Builds an Annoy index, in a process of its own: `python -m state.generations.index_builder FACTORS ROWS INDEX TREES`.

FACTORS   an array file, f32 (n, f): the item vectors
ROWS      an array file, i32 (m,): the rows of those that the index is to find, ascending
INDEX     the file to write
TREES     how many trees, more of which find more and take more room

Annoy's `dot` metric ranks wrongly in its released version. So inner products become angles here: a short vector gets
one more coordinate that brings it to a common length, and a query gets a zero there (Bachrach et al. 2014, "Speeding up
the Xbox recommender system using a Euclidean transformation for inner-product spaces"). That length is the median, not
the longest: with the longest nearly everything crowds around the new axis, far from every query, and trees find
nothing. Vectors beyond the median are told apart by their direction alone; whoever searches scores what is found.

It imports nothing of ours and maps what it reads and writes, so that it needs little memory beside the caller's.
"""

import os
import sys
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

SEED = 20_140_101
BLOCK = 65_536
"""Vectors that are extended at once."""
NICE = 10
"""Whoever serves on this machine goes first."""


def build(factors: NDArray[np.float32], rows: NDArray[np.int32], target: Path, trees: int) -> None:
    """Write an index; the same arguments give the same bytes.

    Args:
        factors: Item vectors, shape (n, f).
        rows: Rows of the items to be found, of which there is at least one; a row is the item's number in the index.
        target: The file to write.
        trees: How many trees.
    """
    index = AnnoyIndex(factors.shape[1] + 1, "angular")
    index.set_seed(SEED)
    index.on_disk_build(str(target))
    blocks = [rows[low : low + BLOCK] for low in range(0, len(rows), BLOCK)]
    common = float(np.median(np.concatenate([_squares(factors[block]) for block in blocks])))
    for block in blocks:
        vectors = factors[block]
        missing = np.sqrt(np.maximum(common - _squares(vectors), 0)).astype(np.float32)
        for row, vector in zip(block.tolist(), np.column_stack([vectors, missing]).tolist(), strict=True):
            index.add_item(row, vector)
    index.build(trees, n_jobs=1)
    index.unload()


def _squares(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the squared length of every vector."""
    squares: NDArray[np.float64] = np.einsum("if,if->i", vectors, vectors, dtype=np.float64)
    return squares


def main() -> None:
    """Build what the arguments name; an error is one sentence on stderr."""
    factors, rows, target, trees = sys.argv[1:]
    os.nice(NICE)
    try:
        build(np.load(factors, mmap_mode="r"), np.load(rows), Path(target), int(trees))
    except Exception as error:  # noqa: BLE001  Annoy raises bare exceptions; whatever it is, the caller quotes it
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
