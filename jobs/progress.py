"""What a job is at, for whoever watches."""

from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    """A step that goes on, or a sentence about the whole."""

    name: str
    done: int = 0
    total: int | None = None
    is_note: bool = False
    """True: `name` is a sentence that stays, and no step."""


Watch = Callable[[Step], None]


def unwatched(_: Step) -> None:
    """Tell nobody."""
