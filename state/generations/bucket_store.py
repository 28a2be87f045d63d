"""Generations in a bucket; the generations in use are cached on this machine (`bucket_cache.py`).

A generation has the same files in a bucket as in a folder.
Its manifest is created last, and so is the record of a part: a generation or a part that has one is complete.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from state.errors import GenerationError
from state.generations.bucket import Bucket
from state.generations.bucket_cache import BucketCache
from state.generations.generation import Generation, open_generation
from state.generations.generation_files import (
    REVISION_PREFIX,
    checksums_of,
    part_title,
    verify_generation,
    verify_present,
)
from state.generations.manifest import MANIFEST, Manifest, decode_manifest
from state.generations.naming import (
    checked_id,
    missing_generation,
    taken_name,
    taken_revision,
    verify_manifest_id,
    verify_same_revision,
)
from state.generations.store import REVISIONS_MAX, GenerationStore, Survey
from state.storage.checksums import CHECKSUMS, checksum, compare_files, decode_checksums, seal_path, verify_file_set

MANIFEST_SEAL = seal_path(Path(MANIFEST)).name


class BucketStore(GenerationStore):
    """Publishes, lists and opens generations in a bucket."""

    is_local = False

    def __init__(self, url: str, path: Path) -> None:
        """Use the bucket at `url`, with its cache in the folder `path`, which need not exist yet."""
        self._bucket = Bucket(url)
        self._cache = BucketCache(self._bucket, path)
        super().__init__(path, self._bucket.url)

    def publish(self, folder: Path) -> None:
        """Publish a generation's folder with its parts; workers serve it after its announcement.

        Step 1: verify it. Step 2: create every file but the manifest. Step 3: create the manifest.
        A crash before step 3 publishes nothing; it is safe to publish again.

        Raises:
            GenerationError: It is published already, or damaged.
        """
        # Step 1
        generation_id = verify_generation(folder).generation_id
        taken = taken_name(generation_id, self.location)
        if MANIFEST in self._names(generation_id):
            raise taken
        # Step 2
        for name in _files_of(folder):
            self._create(f"{generation_id}/{name}", folder / name, taken)
        # Step 3
        self._create(f"{generation_id}/{MANIFEST}", folder / MANIFEST, taken)

    def publish_revision(self, folder: Path, generation_id: str, number: int) -> None:
        """Add a revision to a published generation, in the steps of `publish`; remove its oldest revisions.

        Raises:
            GenerationError: The generation is missing, the revision is damaged, or another one has its number.
        """
        part = f"{REVISION_PREFIX}{number}"
        title = part_title(generation_id, part)
        # Step 1
        verify_file_set(folder, title)
        present = self._published(generation_id)
        record = f"{generation_id}/{part}/{CHECKSUMS}"
        if f"{part}/{CHECKSUMS}" in present:
            verify_same_revision(title, self._bucket.read([record])[record], folder)
            return
        # Step 2: a builder that crashed may have left other files under this number
        self._remove(generation_id, [name for name in present if name.startswith(f"{part}/")])
        taken = taken_revision(title)
        for path in sorted(folder.glob("[!.]*")):
            if path.name != CHECKSUMS:
                self._create(f"{generation_id}/{part}/{path.name}", path, taken)
        # Step 3
        self._create(record, folder / CHECKSUMS, taken)
        self._remove_old_revisions(generation_id)

    def folder(self, generation_id: str) -> Path:
        """Return the cache's folder of a generation, with its parts and its newest revision.

        Raises:
            GenerationError: It is not published, or damaged.
        """
        present = self._published(generation_id)
        parts = [part for part in _parts(present) if not part.startswith(REVISION_PREFIX)]
        return self._cache.fetch(generation_id, present, [*parts, *_revision_part(present, None)])

    def open(self, generation_id: str, revision: int | None = None) -> Generation:
        """Open and verify a generation; files that are missing or damaged in the cache are fetched.

        Args:
            generation_id: The generation's name.
            revision: The revision to open with it; the highest one in the bucket if left out.

        Raises:
            GenerationError: It is missing, incomplete or damaged in the bucket, or has no such revision.
            StoreUnavailableError: The bucket is needed and does not answer.
        """
        checked_id(generation_id, self.location)
        if revision is not None and self._cache.has(generation_id, revision):
            with suppress(GenerationError):  # a damaged copy is fetched again
                return self._open_cached(generation_id, revision)
        present = self._published(generation_id)
        return open_generation(self._cache.fetch(generation_id, present, _revision_part(present, revision)), revision)

    def revisions(self, generation_id: str) -> list[int]:
        """Return the numbers of a generation's revisions, ascending; empty if it was published without one.

        Raises:
            GenerationError: It is not published.
        """
        return _numbers(self._published(generation_id))

    def verify(self, generation_id: str) -> Manifest:
        """Read every byte of a generation in the bucket, parts included; the cache is not used.

        Raises:
            GenerationError: It is missing, incomplete or damaged; the message names the file.
        """
        parts = _parts(self._published(generation_id))
        manifest = self._manifest(generation_id)
        compare_files(f"Generation {generation_id}", checksums_of(manifest), self._checksums_in(generation_id))
        for part in parts:
            record, seal = (f"{generation_id}/{part}/{name}" for name in (CHECKSUMS, seal_path(Path(CHECKSUMS)).name))
            contents, title = self._bucket.read([record, seal]), part_title(generation_id, part)
            checksums = decode_checksums(title, CHECKSUMS, contents.get(record), contents.get(seal))
            compare_files(title, checksums, self._checksums_in(f"{generation_id}/{part}"))
        return manifest

    def delete(self, generation_id: str) -> None:
        """Remove a generation from the bucket, its manifest first; the cache evicts it at the next fetch.

        Raises:
            GenerationError: It is missing.
        """
        names = self._names(generation_id)
        if not names:
            raise missing_generation(generation_id, self.location)
        self._remove(generation_id, [MANIFEST])
        self._remove(generation_id, names - {MANIFEST})

    def survey(self) -> Survey:
        """List all names in the bucket and read the manifests; no other file is read."""
        present: dict[str, set[str]] = {}
        for generation_id, _, name in (path.partition("/") for path in self._bucket.names()):
            present.setdefault(generation_id, set()).add(name)
        finished = sorted(name for name, names in present.items() if MANIFEST in names)
        survey = Survey([], {}, sorted(set(present) - set(finished)))
        records = self._bucket.read(
            f"{generation_id}/{name}"
            for generation_id in finished
            for name in {MANIFEST, MANIFEST_SEAL} & present[generation_id]
        )
        for generation_id in finished:
            try:
                manifest = self._manifest(generation_id, records)
                verify_present(generation_id, present[generation_id])
            except GenerationError as error:
                survey.problems[generation_id] = str(error)
            else:
                survey.manifests.append(manifest)
        return survey

    def _open_cached(self, generation_id: str, revision: int) -> Generation:
        """Open a generation from the cache alone."""
        generation = open_generation(self._cache.place(generation_id), revision)
        verify_manifest_id(generation.manifest, generation_id)
        self._cache.mark_used(generation_id)
        return generation

    def _names(self, generation_id: str) -> set[str]:
        """Return the names of a generation's files, relative to it; empty if the bucket has no such generation."""
        folder = checked_id(generation_id, self.location)
        return {name.removeprefix(f"{folder}/") for name in self._bucket.names(folder)}

    def _published(self, generation_id: str) -> set[str]:
        """Return the names of a published generation's files."""
        present = self._names(generation_id)
        if MANIFEST not in present:
            raise missing_generation(generation_id, self.location)
        return present

    def _manifest(self, generation_id: str, records: Mapping[str, bytes] | None = None) -> Manifest:
        """Decode a manifest from records that are read already, or read it."""
        name, seal = f"{generation_id}/{MANIFEST}", f"{generation_id}/{MANIFEST_SEAL}"
        contents = self._bucket.read([name, seal]) if records is None else records
        if name not in contents:
            raise missing_generation(generation_id, self.location)
        return verify_manifest_id(decode_manifest(generation_id, contents[name], contents.get(seal)), generation_id)

    def _checksums_in(self, folder: str) -> Callable[[str], str | None]:
        return lambda name: self._bucket.checksum(f"{folder}/{name}")

    def _create(self, name: str, source: Path, taken: GenerationError) -> None:
        """Create a file; one that exists must have the same content, as a crash or a repeated request leaves it."""
        if not self._bucket.create(name, source) and self._bucket.checksum(name) != checksum(source):
            raise taken

    def _remove(self, generation_id: str, names: Iterable[str]) -> None:
        self._bucket.remove(f"{generation_id}/{name}" for name in names)

    def _remove_old_revisions(self, generation_id: str) -> None:
        """Remove the oldest revisions, the record of each first."""
        present = self._names(generation_id)
        for number in _numbers(present)[:-REVISIONS_MAX]:
            part = f"{REVISION_PREFIX}{number}"
            self._remove(generation_id, [f"{part}/{CHECKSUMS}"])
            self._remove(generation_id, [name for name in present if name.startswith(f"{part}/")])


def _files_of(folder: Path) -> list[str]:
    """Return the names of a generation's files without the manifest and without hidden files."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(name) for name in names if not str(name).startswith(".") and str(name) != MANIFEST)


def _parts(present: Iterable[str]) -> list[str]:
    """Return the complete parts: those with a record."""
    return sorted(name.removesuffix(f"/{CHECKSUMS}") for name in present if name.endswith(f"/{CHECKSUMS}"))


def _revision_part(present: Iterable[str], revision: int | None) -> list[str]:
    """Return the part of this revision, or of the highest one, as a list; empty if there is none."""
    numbers = _numbers(present)
    number = max(numbers, default=0) if revision is None else revision
    return [f"{REVISION_PREFIX}{number}"] if number in numbers else []


def _numbers(present: Iterable[str]) -> list[int]:
    """Return the numbers of the complete revisions, ascending."""
    names = [part.removeprefix(REVISION_PREFIX) for part in _parts(present) if part.startswith(REVISION_PREFIX)]
    return sorted(int(name) for name in names if name.isdecimal())
