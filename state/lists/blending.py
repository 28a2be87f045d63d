"""Lists of users with few known items, blended with the popular list."""

from typing import NamedTuple

from model.arrays import Floats, Rows
from model.blend import PopularPart, blended_top_n, popular_parts
from model.equations import Equations
from model.ragged import RaggedRows
from model.score_variance import variance_left
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.popularity import Popular
from streams.settings import Settings

CANDIDATES = 2
"""Candidates by either score, as a multiple of a list's length. A list that needs more is rare, and then the whole
catalog is scored."""


class Newcomers(NamedTuple):
    """Users with few known items, n of them."""

    vectors: Floats
    """(n, f)"""
    equations: Equations
    """The equations of the vectors."""
    left_out: RaggedRows
    """Item rows that their lists leave out."""
    personal: tuple[Rows, Floats]
    """Rows and scores of their best items by their own score, `CANDIDATES` times as many as a list has."""


class Blender:
    """Blends the lists of users with few known items with the popular list."""

    def __init__(self, settings: Settings) -> None:
        """Read the length of a list and the strength of the popular part from the settings."""
        self._n, self._strength = settings.lists.n, settings.popularity.blend

    def lists(
        self, newcomers: Newcomers, generation: Generation, popular: Popular, unlisted: Unlisted
    ) -> tuple[Rows, Floats]:
        """Return the lists of users by blended score.

        Returns:
            Item rows and scores, as of `model.ranking.top_n`.
        """
        vectors, known, personal = newcomers.vectors, newcomers.left_out, newcomers.personal
        prior = float(generation.manifest.objective.row_regularization(1))
        left = variance_left(newcomers.equations, generation.fixed_items, prior)
        strengths = popular_parts(personal[1][:, 0], left, self._strength)
        part = PopularPart(strengths, popular.preference, popular.rows)
        return blended_top_n(vectors, generation.fixed_items, part, personal, known, self._n, unlisted.rows)
