"""Generations in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from state.errors import GenerationError
from state.generations.generation_files import (
    REVISION_PREFIX,
    part_title,
    revision_numbers,
    verify_generation,
    verify_present,
)
from state.generations.manifest import Manifest, read_manifest
from state.generations.naming import (
    checked_id,
    missing_generation,
    taken_name,
    verify_manifest_id,
    verify_same_revision,
)
from state.generations.store import REVISIONS_MAX, GenerationStore, Survey
from state.storage.checksums import CHECKSUMS, verify_file_set
from state.storage.files import aside_in, fsync_folder, link_folder

if TYPE_CHECKING:
    from state.generations.generation import Generation


class FolderStore(GenerationStore):
    """Publishes, lists and opens generations in a folder.

    A generation is assembled in a folder aside, verified there, and renamed. A lock serializes writers.
    """

    is_local = True

    def __init__(self, path: Path) -> None:
        """Use the folder `path`, which need not exist yet."""
        super().__init__(path, str(path))

    def publish(self, folder: Path) -> None:
        """Publish a generation's folder with its parts; workers serve it after its announcement.

        Step 1: link every file into a folder aside, and sync. Step 2: verify the linked files.
        Step 3: rename that folder and sync its parent.

        Raises:
            GenerationError: It is published already, or damaged.
        """
        generation_id = read_manifest(folder).generation_id
        with aside_in(self.path) as aside:
            if (self.path / generation_id).exists():
                raise taken_name(generation_id, self.location)
            # Step 1
            link_folder(folder, aside / generation_id)
            # Step 2
            verify_generation(aside / generation_id)
            # Step 3
            (aside / generation_id).rename(self.path / generation_id)
            fsync_folder(self.path)

    def publish_revision(self, folder: Path, generation_id: str, number: int) -> None:
        """Add a revision to a published generation, in the steps of `publish`; remove its oldest revisions.

        Raises:
            GenerationError: The generation is missing, the revision is damaged, or another one has its number.
        """
        part = f"{REVISION_PREFIX}{number}"
        title = part_title(generation_id, part)
        with aside_in(self.path) as aside:
            place = self.folder(generation_id)
            if (place / part).exists():
                verify_same_revision(title, (place / part / CHECKSUMS).read_bytes(), folder)
                return
            # Step 1
            link_folder(folder, aside / part)
            # Step 2
            verify_file_set(aside / part, title)
            # Step 3
            (aside / part).rename(place / part)
            fsync_folder(place)
            for old in revision_numbers(place)[:-REVISIONS_MAX]:
                (place / f"{REVISION_PREFIX}{old}").rename(aside / str(old))

    def folder(self, generation_id: str) -> Path:
        """Return the folder of a published generation.

        Raises:
            GenerationError: It is not published, or its manifest belongs to another generation.
        """
        place = self.path / checked_id(generation_id, self.location)
        verify_manifest_id(read_manifest(place), generation_id)
        return place

    def open(self, generation_id: str, revision: int | None = None) -> "Generation":
        """Open and verify a generation, with its highest revision if none is given.

        Raises:
            GenerationError: It is missing, incomplete or damaged, or has no such revision.
        """
        from state.generations.generation import open_generation  # noqa: PLC0415  its arrays need numba

        return open_generation(self.folder(generation_id), revision)

    def revisions(self, generation_id: str) -> list[int]:
        """Return the numbers of a generation's revisions, ascending; empty if it was published without one.

        Raises:
            GenerationError: It is not published.
        """
        return revision_numbers(self.folder(generation_id))

    def verify(self, generation_id: str) -> Manifest:
        """Read every byte of a generation, parts included.

        Raises:
            GenerationError: It is missing, incomplete or damaged; the message names the file.
        """
        return verify_generation(self.folder(generation_id))

    def delete(self, generation_id: str) -> None:
        """Remove a generation; a process that has it open can continue to read it.

        Raises:
            GenerationError: It is missing.
        """
        with aside_in(self.path) as aside:
            place = self.path / checked_id(generation_id, self.location)
            if not place.is_dir():
                raise missing_generation(generation_id, self.location)
            place.rename(aside / generation_id)
            fsync_folder(self.path)

    def survey(self) -> Survey:
        """List all folders in the store and read their manifests; no other file is read."""
        survey = Survey([], {}, [])
        folders = [path for path in self.path.glob("[!.]*") if path.is_dir()] if self.path.is_dir() else []
        for folder in sorted(folders):
            try:
                verify_present(folder.name, {path.name for path in folder.iterdir()})
                manifest = read_manifest(self.folder(folder.name))
            except GenerationError as error:
                survey.problems[folder.name] = str(error)
            else:
                survey.manifests.append(manifest)
        return survey
