"""What this machine holds of a bucket: the generations in use, in a folder from which they are mapped."""

import os
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from state.errors import GenerationError
from state.generations.bucket import Bucket
from state.generations.generation import part_words, revision_numbers, verify_base, verify_generation
from state.generations.store import named_rightly
from state.storage.checksums import missing, verify_file_set
from state.storage.files import aside_in, fsync_folder, fsync_tree

HELD_MAX = 2
"""Generations held: the one in service, and the one before it or to come."""
USED = ".used"
"""A file in what is held, written at every use. A generation without it was published on this machine, and is kept."""


class HeldGenerations:
    """Fetches generations from a bucket, and lets go of those that are not used any more."""

    def __init__(self, bucket: Bucket, path: Path) -> None:
        """Hold in the folder `path`, which need not exist yet, what lies in `bucket`."""
        self._bucket, self._path = bucket, path

    def place(self, generation_id: str) -> Path:
        """Return where a generation is held."""
        return self._path / generation_id

    def has(self, generation_id: str, revision: int) -> bool:
        """Tell whether a revision is here, or it is number 0 of a generation that had none when it was fetched."""
        numbers = revision_numbers(self.place(generation_id))
        return revision in numbers or (revision == 0 and not numbers)

    def hold(self, generation_id: str, present: Collection[str], parts: Collection[str]) -> Path:
        """Fetch what is not here or is damaged here, and return where it is.

        Step 1: fetch into a folder aside, and sync. Step 2: verify what is there. Step 3: rename.

        Args:
            generation_id: A published generation.
            present: The names of all its files in the bucket.
            parts: Those of its parts that are needed.

        Raises:
            GenerationError: A file in the bucket is missing or damaged.
        """
        place = self.place(generation_id)
        with aside_in(self._path) as aside:
            if not _sound(lambda: named_rightly(verify_base(place), generation_id)):
                wanted = [name for name in present if "/" not in name or name.partition("/")[0] in parts]
                fetched = self._fetch(generation_id, wanted, aside)
                named_rightly(verify_generation(fetched), generation_id)
                (fetched / USED).touch()
                _put_in_place(fetched, place)
                self._let_go(aside, generation_id)
            for part in parts:
                words = part_words(generation_id, part)
                if not _sound(partial(verify_file_set, place / part, words)):
                    wanted = [name for name in present if name.startswith(f"{part}/")]
                    fetched = self._fetch(generation_id, wanted, aside) / part
                    verify_file_set(fetched, words)
                    _put_in_place(fetched, place / part)
        self.use(generation_id)
        return place

    def use(self, generation_id: str) -> None:
        """Take note that a generation is in use."""
        used = self.place(generation_id) / USED
        if used.exists():
            os.utime(used)

    def _fetch(self, generation_id: str, names: Collection[str], aside: Path) -> Path:
        """Copy files of a generation into a folder aside and sync it."""
        folder = aside / generation_id
        for name in names:
            if not self._bucket.fetch(f"{generation_id}/{name}", folder / name):
                what = f"Generation {generation_id}"
                raise missing(what, name)
        fsync_tree(folder)
        return folder

    def _let_go(self, aside: Path, fetched_id: str) -> None:
        """Remove what is not published any more, and all but the generations used last."""
        published = {name.partition("/")[0] for name in self._bucket.names()}
        held = sorted(self._path.glob(f"[!.]*/{USED}"), key=lambda used: used.stat().st_mtime_ns, reverse=True)
        others = [used.parent for used in held if used.parent.name != fetched_id]
        kept = [place for place in others if place.name in published][: HELD_MAX - 1]
        for place in set(others) - set(kept):
            place.rename(aside / f"{place.name}.dropped")


def _sound(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except GenerationError:
        return False
    return True


def _put_in_place(fetched: Path, place: Path) -> None:
    """Rename a folder, whose name an older one may have that is damaged; who maps that can go on using it."""
    if place.exists():
        place.rename(fetched.with_name(f"{place.name}.damaged"))
    fetched.rename(place)
    fsync_folder(place.parent)
