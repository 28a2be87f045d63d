"""The cache of a bucket: a folder on this machine, from which the generations in use are mapped."""

import os
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from state.errors import GenerationError
from state.generations.bucket import Bucket
from state.generations.generation_files import part_title, revision_numbers, verify_base, verify_generation
from state.generations.naming import verify_manifest_id
from state.storage.checksums import missing_file, verify_file_set
from state.storage.files import aside_in, fsync_folder, fsync_tree

CACHED_MAX = 2
"""Generations in the cache: the one in service, and the previous or the next one."""
USED = ".used"
"""A file in a cached generation, touched at every use. A folder without it was published here and is never evicted."""


class BucketCache:
    """Fetches generations from a bucket and evicts those that were used longest ago."""

    def __init__(self, bucket: Bucket, path: Path) -> None:
        """Cache generations of `bucket` in the folder `path`, which need not exist yet."""
        self._bucket, self._path = bucket, path

    def place(self, generation_id: str) -> Path:
        """Return the folder of a cached generation."""
        return self._path / generation_id

    def has(self, generation_id: str, revision: int) -> bool:
        """Return whether a revision is cached; number 0 also means a generation that was published without one."""
        place = self.place(generation_id)
        numbers = revision_numbers(place)
        return revision in numbers or (revision == 0 and not numbers and place.is_dir())

    def fetch(self, generation_id: str, present: Collection[str], parts: Collection[str]) -> Path:
        """Download the files that are missing or damaged here, and return the generation's folder.

        Step 1: download into a folder aside, and sync. Step 2: verify the downloaded files. Step 3: rename.

        Args:
            generation_id: A published generation.
            present: The names of all its files in the bucket.
            parts: The parts that the caller needs.

        Raises:
            GenerationError: A file in the bucket is missing or damaged.
        """
        place = self.place(generation_id)
        with aside_in(self._path) as aside:
            if not _is_intact(lambda: verify_manifest_id(verify_base(place), generation_id)):
                names = [name for name in present if "/" not in name or name.partition("/")[0] in parts]
                self._fetch_base(generation_id, names, aside)
                self._evict(aside, generation_id)
            for part in parts:
                if not _is_intact(partial(verify_file_set, place / part, part_title(generation_id, part))):
                    self._fetch_part(generation_id, part, present, aside)
        self.mark_used(generation_id)
        return place

    def mark_used(self, generation_id: str) -> None:
        """Make a generation the last one to be evicted."""
        used = self.place(generation_id) / USED
        if used.exists():
            os.utime(used)

    def _fetch_base(self, generation_id: str, names: Collection[str], aside: Path) -> None:
        # Step 1
        downloaded = self._download(generation_id, names, aside)
        # Step 2
        verify_manifest_id(verify_generation(downloaded), generation_id)
        # Step 3
        (downloaded / USED).touch()
        _put_in_place(downloaded, self.place(generation_id))

    def _fetch_part(self, generation_id: str, part: str, present: Collection[str], aside: Path) -> None:
        # Step 1
        names = [name for name in present if name.startswith(f"{part}/")]
        downloaded = self._download(generation_id, names, aside) / part
        # Step 2
        verify_file_set(downloaded, part_title(generation_id, part))
        # Step 3
        _put_in_place(downloaded, self.place(generation_id) / part)

    def _download(self, generation_id: str, names: Collection[str], aside: Path) -> Path:
        """Copy files of a generation into a folder aside and sync it."""
        folder, title = aside / generation_id, f"Generation {generation_id}"
        for name in names:
            if not self._bucket.fetch(f"{generation_id}/{name}", folder / name):
                raise missing_file(title, name)
        fsync_tree(folder)
        return folder

    def _evict(self, aside: Path, fetched_id: str) -> None:
        """Remove unpublished generations, and all but the generations used last."""
        published = {name.partition("/")[0] for name in self._bucket.names()}
        used_last_first = sorted(
            self._path.glob(f"[!.]*/{USED}"), key=lambda used: used.stat().st_mtime_ns, reverse=True
        )
        others = [used.parent for used in used_last_first if used.parent.name != fetched_id]
        survivors = [place for place in others if place.name in published][: CACHED_MAX - 1]
        for place in set(others) - set(survivors):
            place.rename(aside / f"{place.name}.evicted")


def _is_intact(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except GenerationError:
        return False
    return True


def _put_in_place(downloaded: Path, place: Path) -> None:
    """Rename a folder, and move a damaged one out of its way; a process that maps the damaged one can go on."""
    if place.exists():
        place.rename(downloaded.with_name(f"{place.name}.damaged"))
    downloaded.rename(place)
    fsync_folder(place.parent)
