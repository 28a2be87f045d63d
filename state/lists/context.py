"""The moment that a batch of lists is made at."""

from typing import NamedTuple

from state.generations.generation import Generation


class ListContext(NamedTuple):
    """The generation and the time of a batch of lists, read once so that no score mixes two generations."""

    generation: Generation
    now_ms: int
    """The clock, in milliseconds since 1970."""
