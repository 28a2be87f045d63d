"""The generation in service, to begin with and to compare with."""

import asyncio
from typing import NamedTuple

from jobs.announcement import announced
from jobs.progress import JobProgress, ProgressCallback
from state.errors import GenerationError, StoreUnavailableError
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from streams.settings import Settings


class InService(NamedTuple):
    """What the workers were told to serve."""

    generation_id: str | None
    """None before the first announcement."""
    generation: Generation | None
    """None if it cannot be opened, too."""


def open_in_service(settings: Settings, on_progress: ProgressCallback) -> InService:
    """Open the generation in service; one that cannot be opened is told, and is no reason to stop.

    Raises:
        LogReadError: Kafka does not answer.
        StoreUnavailableError: The store does not; the generation may be in good order.
    """
    announcement = asyncio.run(announced(settings))
    if announcement is None:
        return InService(None, None)
    found = announcement.generation_id
    try:
        return InService(found, generation_store(settings).open(found))
    except StoreUnavailableError:
        raise
    except GenerationError as error:
        on_progress(
            JobProgress(
                f"{error} It is in service, but nothing can begin with it, nor be compared with it.", is_note=True
            )
        )
        return InService(found, None)
