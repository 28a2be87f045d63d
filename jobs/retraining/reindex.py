"""The next revision of the generation in service: a new index, with the same or other withdrawn items."""

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
"""Attempts, if another process changes the generation in service meanwhile."""


class ReindexError(RuntimeError):
    """No revision can be made. Nothing was announced; the message names the way out."""


class Reindexed(msgspec.Struct, frozen=True, kw_only=True):
    """An announced revision."""

    generation: str
    revision: int
    withdrawn: list[str]
    unknown: list[str]
    """Withdrawn items that the generation does not know; they stay withdrawn in later generations."""
    seconds: float


class Changes(NamedTuple):
    """Items to withdraw from all lists, and items to restore."""

    withdraw: Collection[str] = ()
    restore: Collection[str] = ()

    def of(self, withdrawn: Collection[str]) -> list[str]:
        """Return the withdrawn items after the change, sorted.

        Raises:
            ReindexError: An item to restore is not withdrawn.
        """
        for item_id in self.restore:
            if item_id not in withdrawn and item_id not in self.withdraw:
                message = f"Item {item_id!r} is not withdrawn, so it cannot be restored."
                raise ReindexError(message)
        return sorted({*withdrawn, *self.withdraw} - {*self.restore})


def reindex(settings: Settings, changes: Changes = Changes()) -> Reindexed:  # noqa: B008  it is immutable
    """Build, publish and announce the next revision of the generation in service.

    The change applies to the withdrawn items of the newest revision. A lock serializes builders on one machine. If a
    builder on another machine publishes the same number first, or another generation comes into service, it starts
    again.

    Step 1: build it aside. Step 2: publish it. Step 3: announce it, if its generation is still in service.
    A crash before step 3 leaves a revision that is not announced; the next change applies to it.

    Raises:
        ReindexError: No generation is in service, or the change is impossible.
        GenerationError: The generation in service is damaged.
        IndexBuildError: The index could not be built.
        LogReadError, OutboxError: Kafka does not answer.
    """
    began, store = time.monotonic(), generation_store(settings)
    with aside_in(settings.application.data_path / "revisions" / settings.application.group) as aside:
        for attempt in range(TRIES):
            generation_id = _serving_id(settings)
            # Steps 1 and 2
            generation = _publish_next(settings, store, generation_id, changes, aside / str(attempt))
            if generation is None or _serving_id(settings) != generation_id:
                continue
            # Step 3
            revision = generation.revision
            asyncio.run(announce(settings, generation_id, revision.number, time.time_ns() // 1_000_000))
            known = set(generation.item_ids[revision.withdrawn_rows].tolist())
            return Reindexed(
                generation=generation_id,
                revision=revision.number,
                withdrawn=list(revision.withdrawn),
                unknown=[item_id for item_id in revision.withdrawn if item_id not in known],
                seconds=round(time.monotonic() - began, 2),
            )
    message = f"Other processes announced a revision or a generation {TRIES} times meanwhile; try again."
    raise ReindexError(message)


def _serving_id(settings: Settings) -> str:
    """Return the announced generation."""
    announcement = asyncio.run(announced(settings))
    if announcement is None:
        message = "No generation is in service, so there is none to index; run `playfold retrain` first."
        raise ReindexError(message)
    return announcement.generation_id


def _publish_next(
    settings: Settings, store: GenerationStore, generation_id: str, changes: Changes, aside: Path
) -> Generation | None:
    """Build and publish the next revision; return the generation with it, None if its number was taken meanwhile."""
    generation = store.open(generation_id)
    number, withdrawn = generation.revision.number + 1, changes.of(generation.revision.withdrawn)
    place = write_revision(
        generation, store.folder(generation_id), number, withdrawn, settings.generations.index_trees, into=aside
    )
    try:
        store.publish_revision(place, generation_id, number)
    except GenerationError:
        if number not in store.revisions(generation_id):
            raise
        return None
    return store.open(generation_id, number)
