"""The generation store that the settings name, and its latest generation."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from state.errors import GenerationError
from state.generations.folder_store import FolderStore
from state.generations.store import GenerationStore
from streams.settings import Settings

if TYPE_CHECKING:
    from state.generations.generation import Generation

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def generation_store(settings: Settings) -> GenerationStore:
    """Return the store that the settings name: a folder, or a bucket with its cache in the data folder."""
    location = settings.generations.store.removeprefix("file://")
    if not _URL.match(location):
        return FolderStore(Path(location).absolute() if location else settings.application.generations_path)
    from state.generations.bucket_store import BucketStore  # noqa: PLC0415  only a bucket needs fsspec, a slow import

    return BucketStore(location, settings.application.generations_path)


def open_latest(settings: Settings) -> "Generation":
    """Open the latest generation in the store that the gate did not reject; Kafka is not asked.

    After a rollback another generation is in service, and only the topic of announcements names it.

    Raises:
        GenerationError: There is none, or it is damaged.
    """
    store = generation_store(settings)
    accepted = store.accepted()
    if not accepted:
        message = f"There is no generation in {store.location}: run `playfold retrain` first."
        raise GenerationError(message)
    return store.open(accepted[-1])
