"""Item vectors that stand still while users are solved and ranked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.arrays import Floats, has_any
from model.item_codes import ItemCodes, encode_items, first_codes

_TINY = np.float32(1e-15)


@dataclass(frozen=True, eq=False)
class FixedItems:
    """Item vectors in the basis in which their gram is diagonal.

    Attributes:
        factors: (n_items, f); sorted by descending norm where they are ranked.
        gram_diagonal: (f,), the gram's diagonal, scaled by the objective.
    """

    factors: Floats
    gram_diagonal: Floats

    @cached_property
    def norms(self) -> Floats:
        """Return the length of every item vector, shape (n_items,)."""
        return vector_lengths(self.factors)

    @cached_property
    def codes(self) -> ItemCodes:
        """Return the item vectors in bytes, by which they are ranked."""
        return encode_items(self.factors)

    def first(self, n: int) -> "FixedItems":
        """Return the first n items; norms and codes of all items serve for them, too."""
        items = FixedItems(self.factors[:n], self.gram_diagonal)
        vars(items).update(norms=self.norms[:n], codes=first_codes(self.codes, n))
        return items


def vector_lengths(vectors: Floats) -> Floats:
    """Return the length of every vector, shape (n,); in single precision the squares of tiny numbers would vanish.

    >>> vector_lengths(np.array([[3, 4], [3e-30, 4e-30]], np.float32)).tolist() == [5.0, float(np.float32(5e-30))]
    True
    """
    lengths: Floats = np.linalg.norm(vectors, axis=1)
    is_tiny = lengths < _TINY
    if has_any(is_tiny):
        lengths[is_tiny] = np.linalg.norm(vectors[is_tiny].astype(np.float64), axis=1)
    return lengths
