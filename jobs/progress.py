"""The progress of a job, as it is reported to a callback."""

from collections.abc import Callable
from typing import NamedTuple


class JobProgress(NamedTuple):
    """The progress of a running step, or a note about the whole job."""

    name: str
    done: int = 0
    total: int | None = None
    """None: unknown."""
    is_note: bool = False
    """True: `name` is a sentence to keep on the screen, not the name of a step."""


ProgressCallback = Callable[[JobProgress], None]


def no_progress(_: JobProgress) -> None:
    """Ignore the progress."""
