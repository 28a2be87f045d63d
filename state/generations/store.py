"""The published generations in a folder; `state/generations/bucket_store.py` keeps them in a bucket."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from state.errors import GenerationError
from state.generations.generation import (
    REVISION_PREFIX,
    Generation,
    open_generation,
    part_words,
    revision_numbers,
    verify_generation,
    verify_present,
)
from state.generations.manifest import Manifest, read_manifest
from state.storage.checksums import CHECKSUMS, verify_file_set
from state.storage.files import aside_in, fsync_folder, link_folder
from streams.settings import Settings

REVISIONS_MAX = 3
"""Revisions kept of a generation: the newest, the one before it, which may be in service, and one to spare."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Survey(NamedTuple):
    """What is in a store, oldest first."""

    manifests: list[Manifest]
    """Of those that look complete."""
    problems: dict[str, str]
    """What is wrong with the others."""
    unfinished: list[str]
    """What somebody is publishing, or died publishing."""


class GenerationStore:
    """Publishes, lists and opens generations in a folder.

    What has a generation's name is whole: it is put together in a folder aside, verified there, and renamed.
    Writers take turns.
    """

    def __init__(self, path: Path) -> None:
        """Use `path`, which need not exist yet."""
        self.path = path

    def publish(self, folder: Path) -> None:
        """Publish what `write_generation` wrote, with its parts; workers learn of it by its announcement.

        Step 1: give every file a name in a folder aside, and sync. Step 2: verify what is there.
        Step 3: rename that folder and sync its parent.

        Raises:
            GenerationError: It is published already, or damaged.
        """
        generation_id = read_manifest(folder).generation_id
        with aside_in(self.path) as aside:
            if (self.path / generation_id).exists():
                raise exists(generation_id, self.path)
            # Step 1
            link_folder(folder, aside / generation_id)
            # Step 2
            verify_generation(aside / generation_id)
            # Step 3
            (aside / generation_id).rename(self.path / generation_id)
            fsync_folder(self.path)

    def publish_revision(self, folder: Path, generation_id: str, number: int) -> None:
        """Add a revision to a published generation, in the same steps; drop its oldest ones.

        Args:
            folder: What `write_revision` wrote: the revision's own folder, wherever it is.
            generation_id: The generation it belongs to.
            number: The revision's number. The same revision may be published twice.

        Raises:
            GenerationError: The generation is not there, or the revision is damaged or not the one of its number.
        """
        part = f"{REVISION_PREFIX}{number}"
        what = part_words(generation_id, part)
        with aside_in(self.path) as aside:
            place = self._place(generation_id)
            if (place / part).exists():
                verify_same(what, (place / part / CHECKSUMS).read_bytes(), folder)
                return
            # Step 1
            link_folder(folder, aside / part)
            # Step 2
            verify_file_set(aside / part, what)
            # Step 3
            (aside / part).rename(place / part)
            fsync_folder(place)
            for old in revision_numbers(place)[:-REVISIONS_MAX]:
                (place / f"{REVISION_PREFIX}{old}").rename(aside / str(old))

    def folder(self, generation_id: str) -> Path:
        """Return the folder on this machine in which a generation can be read.

        Raises:
            GenerationError: It is not published.
        """
        return self._place(generation_id)

    def open(self, generation_id: str, revision: int | None = None) -> Generation:
        """Open and verify a generation.

        Args:
            generation_id: Its name.
            revision: The revision to open with it; the highest one if left out.

        Raises:
            GenerationError: It is missing, incomplete or damaged, or has no such revision.
        """
        return open_generation(self._place(generation_id), revision)

    def revisions(self, generation_id: str) -> list[int]:
        """Return the numbers of the revisions of a generation, ascending; none if it was published without.

        Raises:
            GenerationError: It is not published.
        """
        return revision_numbers(self._place(generation_id))

    def verify(self, generation_id: str) -> Manifest:
        """Read every byte of a generation, parts included.

        Raises:
            GenerationError: It is missing, incomplete or damaged; the sentence names the file.
        """
        return verify_generation(self._place(generation_id))

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all generations that look complete, oldest first."""
        return self.survey().manifests

    def problems(self) -> dict[str, str]:
        """Return what is wrong with the others, a sentence each; `verify` looks closer."""
        return self.survey().problems

    def delete(self, generation_id: str) -> None:
        """Remove a generation; who has it open can go on using it.

        Raises:
            GenerationError: It is not there.
        """
        with aside_in(self.path) as aside:
            place = self.path / checked_id(generation_id, self.path)
            if not place.is_dir():
                raise not_there(generation_id, self.path)
            place.rename(aside / generation_id)
            fsync_folder(self.path)

    def prune(self, keep: int, serving_id: str | None) -> list[str]:
        """Remove all generations but the newest ones.

        Args:
            keep: How many are kept, and how many of those that the gate rejected; damaged ones go with older ones.
            serving_id: The generation in service, which is always kept.

        Returns:
            The names of those removed, oldest first.
        """
        found = self.survey()
        accepted, rejected = (
            [manifest.generation_id for manifest in found.manifests if manifest.rejected == turned_down]
            for turned_down in (False, True)
        )
        newest = accepted[-keep:] + rejected[-keep:]
        oldest = min(accepted[-keep:] or newest, default="")
        too_old = [name for name in (*found.problems, *found.unfinished) if name < oldest]
        removed = sorted({*accepted, *rejected, *too_old} - {*newest, serving_id})
        for name in removed:
            self.delete(name)
        return removed

    def _place(self, generation_id: str) -> Path:
        """Return the folder of a published generation."""
        place = self.path / checked_id(generation_id, self.path)
        named_rightly(read_manifest(place), generation_id)
        return place

    def survey(self) -> Survey:
        """Look at every name in the store, and into the manifests; other files are not read for this."""
        found = Survey([], {}, [])
        paths = [path for path in self.path.glob("[!.]*") if path.is_dir()] if self.path.is_dir() else []
        for path in sorted(paths):
            try:
                names = {found.name for found in path.iterdir()}
                verify_present(path.name, names)
                manifest = read_manifest(self._place(path.name))
            except GenerationError as error:
                found.problems[path.name] = str(error)
            else:
                found.manifests.append(manifest)
        return found


def generation_store(settings: Settings) -> GenerationStore:
    """Return the store that the settings name: a folder, or a bucket of which this machine holds what it uses."""
    where = settings.generation_store.removeprefix("file://")
    if not _URL.match(where):
        return GenerationStore(Path(where).absolute() if where else settings.generations_path)
    from state.generations.bucket_store import RemoteStore  # noqa: PLC0415  fsspec is imported only where there is a bucket

    return RemoteStore(where, settings.generations_path)


def new_generation_id(now_ms: int) -> str:
    """Return a generation's name: the UTC time at which it was made, sortable and fit for a folder.

    >>> new_generation_id(1_700_000_000_123)
    '2023-11-14T22-13-20.123Z'
    """
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{now_ms % 1000:03d}Z"


def checked_id(generation_id: str, place: object) -> str:
    """Return the name of a generation, which an announcement may have made up.

    Raises:
        GenerationError: It is not a plain name, so no generation has it.
    """
    if not _ID.fullmatch(generation_id):
        raise not_there(generation_id, place)
    return generation_id


def verify_same(what: str, published: bytes, folder: Path) -> None:
    """See that a revision is the one that is published under its number.

    Raises:
        GenerationError: It is another one, or damaged.
    """
    verify_file_set(folder, what)
    if published != (folder / CHECKSUMS).read_bytes():
        raise another(what)


def named_rightly(manifest: Manifest, generation_id: str) -> Manifest:
    """Return the manifest of a generation, which has to be its own.

    Raises:
        GenerationError: It is that of another generation.
    """
    if manifest.generation_id != generation_id:
        message = f"Generation {generation_id} is damaged: its manifest is that of generation {manifest.generation_id}."
        raise GenerationError(message)
    return manifest


def not_there(generation_id: str, place: object) -> GenerationError:
    """Return the error of a generation that is not in the store."""
    return GenerationError(f"Generation {generation_id} is not in {place}; `playfold generations list` shows what is.")


def another(what: str) -> GenerationError:
    """Return the error of a revision whose number is taken."""
    return GenerationError(f"{what} is published, and is another one; publish this one under the next number.")


def exists(generation_id: str, place: object) -> GenerationError:
    """Return the error of a name that is taken."""
    return GenerationError(f"Generation {generation_id} exists in {place}; publish under another name.")
