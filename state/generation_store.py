"""The generations on this machine, one folder each."""

from datetime import UTC, datetime
from pathlib import Path

from state.errors import GenerationError
from state.generation import Catalog, Generation, Manifest, open_generation, read_manifest, write_generation


class GenerationStore:
    """Publishes, lists and opens generations in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which need not exist yet."""
        self.folder = folder

    def publish(self, manifest: Manifest, catalog: Catalog) -> None:
        """Write a generation; workers learn of it by its announcement.

        Raises:
            GenerationError: It exists already, or does not verify.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_generation(self.folder / manifest.generation_id, manifest, catalog)

    def open(self, generation_id: str) -> Generation:
        """Open and verify a generation.

        Raises:
            GenerationError: It is missing, incomplete or damaged.
        """
        return open_generation(self.folder / generation_id)

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all generations that can be read, oldest first."""
        found = []
        for path in sorted(self.folder.glob("[!.]*")) if self.folder.is_dir() else []:
            try:
                found.append(read_manifest(path))
            except GenerationError:
                continue
        return found


def new_generation_id(now_ms: int) -> str:
    """Return a generation's name: the UTC time at which it was made, sortable and fit for a folder.

    >>> new_generation_id(1_700_000_000_123)
    '2023-11-14T22-13-20.123Z'
    """
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{now_ms % 1000:03d}Z"
