"""Generations in a bucket. What is in use is held in a folder on this machine (`state/generations/bucket_cache.py`).

A generation lies in the bucket as it lies in a folder.
Its manifest is created last, and so is the record of a part: what has one is whole.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from state.errors import GenerationError
from state.generations.bucket import Bucket
from state.generations.bucket_cache import HeldGenerations
from state.generations.generation import (
    REVISION_PREFIX,
    Generation,
    checksums_of,
    open_generation,
    part_words,
    verify_generation,
    verify_present,
)
from state.generations.manifest import MANIFEST, Manifest, decode_manifest
from state.generations.store import (
    REVISIONS_MAX,
    GenerationStore,
    Survey,
    another,
    checked_id,
    exists,
    named_rightly,
    not_there,
    verify_same,
)
from state.storage.checksums import CHECKSUMS, checksum, compare_files, decode_checksums, seal_path, verify_file_set

MANIFEST_SEAL = seal_path(Path(MANIFEST)).name


class RemoteStore(GenerationStore):
    """Publishes, lists and opens generations in a bucket."""

    def __init__(self, url: str, path: Path) -> None:
        """Use the bucket at `url`, and hold in the folder `path` what is opened; it need not exist yet."""
        super().__init__(path)
        self._bucket = Bucket(url)
        self._held = HeldGenerations(self._bucket, path)

    def publish(self, folder: Path) -> None:
        """Publish what `write_generation` wrote, with its parts; workers learn of it by its announcement.

        Step 1: verify it. Step 2: create every file but the manifest. Step 3: create the manifest.
        Who dies before step 3 has published nothing, and may publish the same again.

        Raises:
            GenerationError: It is published already, or damaged.
        """
        # Step 1
        generation_id = verify_generation(folder).generation_id
        taken = exists(generation_id, self._bucket.url)
        if MANIFEST in self._names(generation_id):
            raise taken
        # Step 2
        for name in _files_of(folder):
            self._create(f"{generation_id}/{name}", folder / name, taken)
        # Step 3
        self._create(f"{generation_id}/{MANIFEST}", folder / MANIFEST, taken)

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
        words = part_words(generation_id, part)
        # Step 1
        verify_file_set(folder, words)
        present = self._published(generation_id)
        record = f"{generation_id}/{part}/{CHECKSUMS}"
        if f"{part}/{CHECKSUMS}" in present:
            verify_same(words, self._bucket.read([record])[record], folder)
            return
        # Step 2: what a builder left that died under this number is not a part of ours
        self._remove(generation_id, [name for name in present if name.startswith(f"{part}/")])
        taken = another(words)
        for path in sorted(folder.glob("[!.]*")):
            if path.name != CHECKSUMS:
                self._create(f"{generation_id}/{part}/{path.name}", path, taken)
        # Step 3
        self._create(record, folder / CHECKSUMS, taken)
        self._drop_revisions(generation_id)

    def folder(self, generation_id: str) -> Path:
        """Return the folder on this machine in which a generation can be read, with its parts and newest revision.

        Raises:
            GenerationError: It is not published, or damaged.
        """
        present = self._published(generation_id)
        parts = [part for part in _parts(present) if not part.startswith(REVISION_PREFIX)]
        return self._held.hold(generation_id, present, [*parts, *_revision_part(present, None)])

    def open(self, generation_id: str, revision: int | None = None) -> Generation:
        """Open and verify a generation; what is not held here or is damaged here is fetched.

        Args:
            generation_id: Its name.
            revision: The revision to open with it; the highest one in the bucket if left out.

        Raises:
            GenerationError: It is missing, incomplete or damaged in the bucket, or has no such revision.
            StoreUnavailableError: The bucket was needed and cannot be used.
        """
        if revision is not None and self._held.has(generation_id, revision):
            with suppress(GenerationError):
                generation = super().open(generation_id, revision)
                self._held.use(generation_id)
                return generation
        present = self._published(generation_id)
        return open_generation(self._held.hold(generation_id, present, _revision_part(present, revision)), revision)

    def revisions(self, generation_id: str) -> list[int]:
        """Return the numbers of the revisions of a generation, ascending; none if it was published without.

        Raises:
            GenerationError: It is not published.
        """
        return _numbers(self._published(generation_id))

    def verify(self, generation_id: str) -> Manifest:
        """Read every byte of a generation in the bucket, parts included; nothing of it is held here.

        Raises:
            GenerationError: It is missing, incomplete or damaged; the sentence names the file.
        """
        parts = _parts(self._published(generation_id))
        manifest = self._manifest(generation_id)
        compare_files(f"Generation {generation_id}", checksums_of(manifest), self._checksums_in(generation_id))
        for part in parts:
            record, seal = (f"{generation_id}/{part}/{name}" for name in (CHECKSUMS, seal_path(Path(CHECKSUMS)).name))
            found, words = self._bucket.read([record, seal]), part_words(generation_id, part)
            checksums = decode_checksums(words, CHECKSUMS, found.get(record), found.get(seal))
            compare_files(words, checksums, self._checksums_in(f"{generation_id}/{part}"))
        return manifest

    def delete(self, generation_id: str) -> None:
        """Remove a generation from the bucket, its manifest first; what is held here goes when another one is fetched.

        Raises:
            GenerationError: It is not there.
        """
        names = self._names(generation_id)
        if not names:
            raise not_there(generation_id, self._bucket.url)
        self._remove(generation_id, [MANIFEST])
        self._remove(generation_id, names - {MANIFEST})

    def survey(self) -> Survey:
        """Look at every name in the bucket, and into the manifests; other files are not read for this."""
        found = Survey([], {}, [])
        present: dict[str, set[str]] = {}
        for generation_id, _, name in (path.partition("/") for path in self._bucket.names()):
            present.setdefault(generation_id, set()).add(name)
        finished = sorted(name for name, names in present.items() if MANIFEST in names)
        found.unfinished.extend(sorted(set(present) - set(finished)))
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
                found.problems[generation_id] = str(error)
            else:
                found.manifests.append(manifest)
        return found

    def _names(self, generation_id: str) -> set[str]:
        """Return the names of a generation's files, as seen from it; none if the bucket has no such generation."""
        folder = checked_id(generation_id, self._bucket.url)
        return {name.removeprefix(f"{folder}/") for name in self._bucket.names(folder)}

    def _published(self, generation_id: str) -> set[str]:
        """Return the names of a published generation's files."""
        present = self._names(generation_id)
        if MANIFEST not in present:
            raise not_there(generation_id, self._bucket.url)
        return present

    def _manifest(self, generation_id: str, records: Mapping[str, bytes] | None = None) -> Manifest:
        """Return a manifest from the records read, or read it."""
        name, seal = f"{generation_id}/{MANIFEST}", f"{generation_id}/{MANIFEST_SEAL}"
        found = self._bucket.read([name, seal]) if records is None else records
        if name not in found:
            raise not_there(generation_id, self._bucket.url)
        return named_rightly(decode_manifest(generation_id, found[name], found.get(seal)), generation_id)

    def _checksums_in(self, folder: str) -> Callable[[str], str | None]:
        return lambda name: self._bucket.checksum(f"{folder}/{name}")

    def _create(self, name: str, source: Path, taken: GenerationError) -> None:
        """Create a file; what has its name must be the same, as a writer that died or a request sent twice left it."""
        if not self._bucket.create(name, source) and self._bucket.checksum(name) != checksum(source):
            raise taken

    def _remove(self, generation_id: str, names: Iterable[str]) -> None:
        self._bucket.remove(f"{generation_id}/{name}" for name in names)

    def _drop_revisions(self, generation_id: str) -> None:
        """Remove the oldest revisions, the record of each first."""
        present = self._names(generation_id)
        for number in _numbers(present)[:-REVISIONS_MAX]:
            part = f"{REVISION_PREFIX}{number}"
            self._remove(generation_id, [f"{part}/{CHECKSUMS}"])
            self._remove(generation_id, [name for name in present if name.startswith(f"{part}/")])


def _files_of(folder: Path) -> list[str]:
    """Return the names of all files of a generation but the manifest; hidden ones are not of it."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(name) for name in names if not str(name).startswith(".") and str(name) != MANIFEST)


def _parts(present: Iterable[str]) -> list[str]:
    """Return the parts that are whole."""
    return sorted(name.removesuffix(f"/{CHECKSUMS}") for name in present if name.endswith(f"/{CHECKSUMS}"))


def _revision_part(present: Iterable[str], revision: int | None) -> list[str]:
    """Return the part that is this revision, or the highest one; none if there is no such."""
    numbers = _numbers(present)
    number = max(numbers, default=0) if revision is None else revision
    return [f"{REVISION_PREFIX}{number}"] if number in numbers else []


def _numbers(present: Iterable[str]) -> list[int]:
    """Return the numbers of the revisions that are whole, ascending."""
    names = [part.removeprefix(REVISION_PREFIX) for part in _parts(present) if part.startswith(REVISION_PREFIX)]
    return sorted(int(name) for name in names if name.isdecimal())
