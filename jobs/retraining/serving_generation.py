"""The generation in service: the next one begins with it and is compared with it."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from jobs.progress import JobProgress, ProgressCallback
from state.errors import GenerationError, StoreUnavailableError
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from state.storage.files import write_file
from streams.settings import Settings

RECORD = "serving.json"


class ServingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The generation that was announced when a run began."""

    generation_id: str | None
    """None before the first announcement."""

    def save(self, folder: Path) -> None:
        """Write the record into an existing folder."""
        write_file(folder / RECORD, msgspec.json.encode(self))

    @classmethod
    def load(cls, folder: Path) -> "ServingRecord":
        """Read the record that `save` wrote."""
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=cls)


class ServingGeneration(NamedTuple):
    """A generation in service, open if possible."""

    generation_id: str | None
    """None before the first announcement."""
    generation: Generation | None
    """None also if the generation cannot be opened."""


def open_serving(generation_id: str | None, settings: Settings, on_progress: ProgressCallback) -> ServingGeneration:
    """Open a generation in service; report a damaged one as a note, because the next one replaces it.

    Args:
        generation_id: The announced generation, None if there is none.
        settings: The settings that name the store.
        on_progress: Called with the note.

    Raises:
        StoreUnavailableError: The store does not answer, so the generation may be intact.
    """
    if generation_id is None:
        return ServingGeneration(None, None)
    try:
        return ServingGeneration(generation_id, generation_store(settings).open(generation_id))
    except StoreUnavailableError:
        raise
    except GenerationError as error:
        note = f"{error} It is in service, but no training can begin with it, and the gate cannot compare with it."
        on_progress(JobProgress(note, is_note=True))
        return ServingGeneration(generation_id, None)
