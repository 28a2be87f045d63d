"""The interface of generation stores; `folder_store.py` and `bucket_store.py` implement it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from state.generations.manifest import Manifest

if TYPE_CHECKING:
    from state.generations.generation import Generation

REVISIONS_MAX = 3
"""Revisions kept of a generation: the newest, the one before it, which may be in service, and one to spare."""


class Survey(NamedTuple):
    """The content of a store, each list ordered from oldest to newest."""

    manifests: list[Manifest]
    """Manifests of the generations whose files are all present."""
    problems: dict[str, str]
    """By generation, an error message: a file is missing, or the manifest is damaged."""
    unfinished: list[str]
    """Generations without a manifest: being published, or left by a publisher that crashed."""


class GenerationStore(ABC):
    """Publishes, lists and opens generations. A name in a store is always a complete generation.

    Attributes:
        is_local: Opening a generation reads only this machine's disk.
        path: The store's folder on this machine: the generations, or the cache of a bucket.
        location: The folder or URL of the generations, as error messages name it.
    """

    is_local: ClassVar[bool]

    def __init__(self, path: Path, location: str) -> None:
        """Use the folder `path`, which need not exist yet."""
        self.path, self.location = path, location

    @abstractmethod
    def publish(self, folder: Path) -> None:
        """Publish a generation's folder with its parts; workers serve it after its announcement.

        Args:
            folder: Written by `write_generation`.

        Raises:
            GenerationError: It is published already, or damaged.
        """

    @abstractmethod
    def publish_revision(self, folder: Path, generation_id: str, number: int) -> None:
        """Add a revision to a published generation and remove its oldest revisions, down to `REVISIONS_MAX`.

        Publishing the same revision twice is allowed.

        Args:
            folder: Written by `write_revision`.
            generation_id: The generation of the revision.
            number: The revision's number.

        Raises:
            GenerationError: The generation is missing, the revision is damaged, or another one has its number.
        """

    @abstractmethod
    def folder(self, generation_id: str) -> Path:
        """Return a folder on this machine that contains a generation, its parts and its newest revision.

        Raises:
            GenerationError: It is not published, or damaged.
        """

    @abstractmethod
    def open(self, generation_id: str, revision: int | None = None) -> "Generation":
        """Open and verify a generation.

        Args:
            generation_id: The generation's name.
            revision: The revision to open with it; the highest one if left out.

        Raises:
            GenerationError: It is missing, incomplete or damaged, or has no such revision.
            StoreUnavailableError: The store does not answer.
        """

    @abstractmethod
    def revisions(self, generation_id: str) -> list[int]:
        """Return the numbers of a generation's revisions, ascending; empty if it was published without one.

        Raises:
            GenerationError: It is not published.
        """

    @abstractmethod
    def verify(self, generation_id: str) -> Manifest:
        """Read every byte of a published generation, parts included, and return its manifest.

        Raises:
            GenerationError: It is missing, incomplete or damaged; the message names the file.
        """

    @abstractmethod
    def delete(self, generation_id: str) -> None:
        """Remove a generation; a process that has it open can continue to read it.

        Raises:
            GenerationError: It is missing.
        """

    @abstractmethod
    def survey(self) -> Survey:
        """List all names in the store and read the manifests; no other file is read."""

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all generations whose files are present, oldest first."""
        return self.survey().manifests

    def accepted(self) -> list[str]:
        """Return the ids of `manifests` that the gate did not reject, oldest first."""
        return [manifest.generation_id for manifest in self.manifests() if not manifest.rejected]

    def problems(self) -> dict[str, str]:
        """Return an error message for each other generation; `verify` checks the content of the files too."""
        return self.survey().problems

    def prune(self, keep: int, serving_id: str | None) -> list[str]:
        """Remove old generations. Damaged and unfinished ones are removed if older than all accepted ones that stay.

        Args:
            keep: The number of accepted generations to keep, and also the number of rejected ones.
            serving_id: The generation in service, which is never removed.

        Returns:
            The names of the removed generations, oldest first.
        """
        survey = self.survey()
        accepted, rejected = (
            [manifest.generation_id for manifest in survey.manifests if manifest.rejected == is_rejected]
            for is_rejected in (False, True)
        )
        newest = accepted[-keep:] + rejected[-keep:]
        oldest = min(accepted[-keep:] or newest, default="")
        too_old = [name for name in (*survey.problems, *survey.unfinished) if name < oldest]
        removed = sorted({*accepted, *rejected, *too_old} - {*newest, serving_id})
        for name in removed:
            self.delete(name)
        return removed
