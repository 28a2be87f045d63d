"""Builds an Annoy index in a process of its own: `python -m state.generations.index_builder FACTORS ROWS INDEX TREES`.

FACTORS   an array file, f32 (n, f): the item vectors
ROWS      an array file, i32 (m,): the rows to index, ascending
INDEX     the file to write
TREES     the number of trees; more trees find more items and take more space

Annoy's `dot` metric ranks wrongly in its released version, so inner products become angles here. A short vector gets
one more coordinate that brings it to a common length, and a query has a zero there (Bachrach et al. 2014, "Speeding up
the Xbox recommender system using a Euclidean transformation for inner-product spaces"). The common length is the
median. With the maximum, nearly all vectors crowd around the new axis, far from every query, and trees find nothing.
Vectors longer than the median are separated by their direction alone, so the caller scores all candidates.

It imports no other package of playfold and maps its files, so that it needs little memory beside the caller's.
"""

import os
import sys
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

SEED = 20_140_101
BLOCK = 65_536
"""Vectors that are extended at a time."""
NICE = 10
"""Low priority: workers on this machine go first."""


def build(factors: NDArray[np.float32], rows: NDArray[np.int32], target: Path, trees: int) -> None:
    """Write an index; the same arguments give the same bytes.

    Args:
        factors: Item vectors, shape (n, f).
        rows: Rows to index, at least one; a row is the item's number in the index.
        target: The file to write.
        trees: The number of trees.
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
    """Return the squared norm of every vector."""
    squares: NDArray[np.float64] = np.einsum("if,if->i", vectors, vectors, dtype=np.float64)
    return squares


def main() -> None:
    """Build the index that the arguments name; print an error as one line on stderr."""
    factors, rows, target, trees = sys.argv[1:]
    os.nice(NICE)
    try:
        build(np.load(factors, mmap_mode="r"), np.load(rows), Path(target), int(trees))
    except Exception as error:  # noqa: BLE001  Annoy raises bare exceptions; the caller quotes every one
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
