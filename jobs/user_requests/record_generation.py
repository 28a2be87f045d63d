"""The generation that a record's vector belongs to."""

from state.generations.manifest import Manifest
from state.generations.open_store import generation_store
from state.keys import generation_key
from streams.settings import Settings


def manifest_of(key: int, settings: Settings) -> Manifest | None:
    """Return the manifest of a generation by its key; None if the store does not hold the generation.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    manifests = generation_store(settings).manifests() if key else ()
    return next((manifest for manifest in manifests if generation_key(manifest.generation_id) == key), None)
