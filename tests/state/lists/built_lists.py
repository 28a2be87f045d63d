"""Lists that a builder makes, by item ids."""

from state.generations.generation import Generation
from state.lists.build import Lists


def rows_of(lists: Lists, generation: Generation) -> list[list[str]]:
    """Return the items of every list."""
    return [[str(generation.item_ids[row]) for row in rows if row >= 0] for rows in lists.rows]
