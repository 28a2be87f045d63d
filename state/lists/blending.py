"""Lists of users of whom little is known, blended with what is popular."""

from collections.abc import Callable
from typing import NamedTuple

from model.arrays import Floats, Rows, Starts
from model.blend import blended_top_n, popular_parts
from model.fold_in import Equations
from model.score_variance import variance_left
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.popularity import Popular
from streams.settings import Settings

CANDIDATES = 2
"""So many times as many items as a list has are looked at by either score: a list that more could be in is rare, and
costs a look at the whole catalog."""

Rank = Callable[[Generation, Floats, Starts, Rows, int, Unlisted], tuple[Rows, Floats]]
"""Returns the best n items of users, as `state.lists.ranker.exact` does."""


class Newcomers(NamedTuple):
    """Users of whom little is known, n of them."""

    vectors: Floats  # (n, f)
    equations: Equations  # what these solve
    left_out_starts: Starts  # (n + 1,)
    left_out: Rows  # item rows that they do not get


def blended_lists(
    found: Newcomers,
    best: Floats,
    generation: Generation,
    popular: Popular,
    settings: Settings,
    rank: Rank,
    unlisted: Unlisted,
) -> tuple[Rows, Floats]:
    """Return the lists of users by blended score.

    Args:
        found: The users.
        best: The score of each one's best item, shape (n,).
        generation: The generation that their vectors belong to.
        popular: What is popular.
        settings: How long a list is, and how much of what is popular is in it.
        rank: Ranks by their own scores.
        unlisted: What nobody gets.

    Returns:
        Item rows and scores, as of `model.ranking.top_n`.
    """
    fixed = generation.item_factors, generation.gram_diagonal
    left = variance_left(found.equations, *fixed, float(generation.manifest.objective.row_regularization(1)))
    parts = popular_parts(best, left, settings.popularity.blend)
    n = min(CANDIDATES * settings.lists.n, len(generation.item_factors))
    left_out = found.left_out_starts, found.left_out
    return blended_top_n(
        found.vectors,
        generation.item_factors,
        parts,
        popular.preference,
        rank(generation, found.vectors, *left_out, n, unlisted),
        popular.rows[:n],
        *left_out,
        settings.lists.n,
        unlisted.rows,
    )
