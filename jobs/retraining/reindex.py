"""The next revision of the generation in service: a new index, with other items withdrawn or the same."""

import asyncio
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from jobs.announcement import announce, announced
from state.errors import GenerationError
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from state.generations.revision import write_revision
from state.generations.store import GenerationStore
from state.storage.files import aside_in
from streams.settings import Settings

TRIES = 5
"""How often it begins anew if somebody else changes what is in service meanwhile."""


class ReindexError(RuntimeError):
    """There is no next revision to be made. Nothing was announced; the message says what to do first."""


class Reindexed(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that was announced."""

    generation: str
    revision: int
    withdrawn: list[str]
    unknown: list[str]
    """Those among the withdrawn that the generation does not know; they stay withdrawn in those to come."""
    seconds: float


class Changes(NamedTuple):
    """What is to be withdrawn from lists from now on, and what no longer."""

    withdraw: Collection[str] = ()
    restore: Collection[str] = ()

    def of(self, withdrawn: Collection[str]) -> list[str]:
        """Return what is withdrawn after the change, given what is now.

        Raises:
            ReindexError: Something is to be restored that is not withdrawn.
        """
        for item_id in self.restore:
            if item_id not in withdrawn and item_id not in self.withdraw:
                message = f"Item {item_id!r} is not withdrawn, so it cannot be restored."
                raise ReindexError(message)
        return sorted({*withdrawn, *self.withdraw} - {*self.restore})


def reindex(settings: Settings, changes: Changes = Changes()) -> Reindexed:  # noqa: B008  it is immutable
    """Build, publish and announce the next revision of the generation in service.

    It begins with what is withdrawn in the newest revision there is. Builders on one machine take turns; one on another
    machine may publish the same number first, or another generation may come into service meanwhile: then it begins
    anew with that.

    Step 1: build it aside. Step 2: publish it. Step 3: announce it, if its generation is still in service.
    Who dies before step 3 has published a revision that nobody serves; the next one begins with it.

    Raises:
        ReindexError: No generation is in service, or the change is impossible.
        GenerationError: The generation in service is damaged.
        IndexBuildError: The index could not be built.
        LogReadError, OutboxError: Kafka does not answer.
    """
    began, store = time.monotonic(), generation_store(settings)
    with aside_in(settings.application.data_path / "revisions" / settings.application.group) as aside:
        for attempt in range(TRIES):
            generation_id = _in_service(settings)
            # Steps 1 and 2
            made = _publish_next(settings, store, generation_id, changes, aside / str(attempt))
            if made is None or _in_service(settings) != generation_id:
                continue
            # Step 3
            revision = made.revision
            asyncio.run(announce(settings, generation_id, revision.number, time.time_ns() // 1_000_000))
            known = set(made.item_ids[revision.withdrawn_rows].tolist())
            return Reindexed(
                generation=generation_id,
                revision=revision.number,
                withdrawn=list(revision.withdrawn),
                unknown=[item_id for item_id in revision.withdrawn if item_id not in known],
                seconds=round(time.monotonic() - began, 2),
            )
    message = f"Somebody else published a revision or a generation {TRIES} times meanwhile; try again."
    raise ReindexError(message)


def _in_service(settings: Settings) -> str:
    """Return the generation that is announced."""
    found = asyncio.run(announced(settings))
    if found is None:
        message = "No generation is in service, so there is none to index; run `playfold retrain` first."
        raise ReindexError(message)
    return found.generation_id


def _publish_next(
    settings: Settings, store: GenerationStore, generation_id: str, changes: Changes, aside: Path
) -> Generation | None:
    """Build the next revision and publish it; return the generation at it, None if somebody took its number."""
    present = store.open(generation_id)
    number, withdrawn = present.revision.number + 1, changes.of(present.revision.withdrawn)
    place = write_revision(
        present, store.folder(generation_id), number, withdrawn, settings.generations.index_trees, into=aside
    )
    try:
        store.publish_revision(place, generation_id, number)
    except GenerationError:
        if number not in store.revisions(generation_id):
            raise
        return None
    return store.open(generation_id, number)
