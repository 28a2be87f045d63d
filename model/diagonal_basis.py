"""The basis in which the item factors' gram is diagonal.

Scores do not change when users and items are rotated together, so a generation keeps its factors in the eigenvectors
of `item_factors.T @ item_factors`. The gram then costs a row's solver `factors` products a step instead of
`factors ** 2`, and its diagonal is a natural preconditioner.
"""

import numpy as np

from model.arrays import Doubles, Floats

_BLOCK = 65_536  # rows that are widened to double precision at a time


def gram(factors: Floats) -> Doubles:
    """Return `factors.T @ factors` in double precision, shape (f, f)."""
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for start in range(0, len(factors), _BLOCK):
        block = factors[start : start + _BLOCK].astype(np.float64)
        total += block.T @ block
    return total


def diagonalise(item_factors: Floats, gram_scale: float) -> tuple[Doubles, Floats]:
    """Find the rotation under which the items' gram is diagonal.

    Args:
        item_factors: Item vectors, shape (n_items, f).
        gram_scale: Weight of the items that were not played, `Objective.gram_scale`.

    Returns:
        The rotation, shape (f, f), to be applied to users and items alike with `rotate`, and the scaled diagonal of
        the rotated gram, shape (f,), largest first.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(gram(item_factors))
    diagonal = np.maximum(eigenvalues[::-1], 0) * gram_scale
    return np.ascontiguousarray(eigenvectors[:, ::-1]), diagonal.astype(np.float32)


def rotate(factors: Floats, rotation: Doubles) -> Floats:
    """Return `factors @ rotation`, computed in double precision and rounded once, shape (n, f)."""
    rotated = np.empty_like(factors, order="C")
    for start in range(0, len(factors), _BLOCK):
        block = slice(start, start + _BLOCK)
        rotated[block] = factors[block].astype(np.float64) @ rotation
    return rotated
