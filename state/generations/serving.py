"""The generation in service of this process, and its revision."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import msgspec

from state.errors import GenerationError, StoreUnavailableError
from state.generations.generation import Generation
from state.generations.store import GenerationStore
from streams.messages.generations import Announcement, is_announcement_key

log = logging.getLogger(__name__)

RETRY_S = 10.0
"""Seconds until an announced generation is opened again after the store did not answer."""


class ServingObserver(Protocol):
    """A part that holds something of the generation in service."""

    def generation_swapped(self, generation: Generation) -> None:
        """Begin anew: another generation is in service."""

    def revision_swapped(self, generation: Generation) -> None:
        """Renew everything that depends on the revision of the generation in service."""


class Serving:
    """The generation in service, which follows the announcements.

    A commit group reads `current` once, when it begins. A swap takes the lock of commit groups, so it happens between
    two of them, and tells the observers before the next one begins.

    Attributes:
        current: The generation in service; None before the first one.
        observers: The parts that are told of a swap, in this order.
        swapped: Set when another generation is in service; the sweeper clears it.
    """

    def __init__(
        self,
        store: GenerationStore,
        prepare: Callable[[Generation], None] = lambda _generation: None,
        lock: asyncio.Lock | None = None,
        thread: Executor | None = None,
    ) -> None:
        """Serve generations of `store`, none at first.

        Args:
            store: The generations.
            prepare: Called with a generation before it serves, in a thread, while the one before it serves.
            lock: Held during a swap; a commit group holds it as well.
            thread: Tells the observers of a swap; the thread that uses them. Any one if left out.
        """
        self.current: Generation | None = None
        self.observers: list[ServingObserver] = []
        self.swapped = asyncio.Event()
        self._store, self._prepare = store, prepare
        self._lock, self._thread = lock or asyncio.Lock(), thread
        self._announced: Announcement | None = None
        self._changed = asyncio.Event()

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store an announcement, which replaces the one before; log and ignore a record that does not decode."""
        if not is_announcement_key(key):
            return
        try:
            self._announced = msgspec.json.decode(value or b"", type=Announcement)
        except (ValueError, RecursionError) as error:
            log.error("announcement_unreadable", extra={"reason": str(error)})  # noqa: TRY400  one line is enough
            return
        self._changed.set()

    async def follow(self) -> None:
        """Swap to every announced generation; if one cannot be opened, the present one stays in service."""
        while True:
            await self._changed.wait()
            await self.swap()

    async def swap(self) -> None:
        """Open and verify the generation announced last, and take it into service.

        If the store does not answer, `follow` retries after `RETRY_S`; a damaged generation is not retried.

        Another revision of the generation in service only replaces the index and the withdrawn items. Users' vectors
        stay valid, so no sweep starts.
        """
        self._changed.clear()
        announced, present = self._announced, self.current
        if announced is None or (present is not None and _is_announced(present, announced)):
            return
        try:
            generation = await asyncio.to_thread(self._open, announced, present)
        except GenerationError as error:
            log.error("generation_refused", extra={"reason": f"{error} {_stays_in_service(announced, present)}"})  # noqa: TRY400  one line is enough
            if isinstance(error, StoreUnavailableError):
                asyncio.get_running_loop().call_later(RETRY_S, self._changed.set)
            return
        async with self._lock:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.take, generation)
        fields = {"generation": generation.id, "revision": generation.revision.number}
        if present is not None and present.id == generation.id:
            log.info("revision_swapped", extra=fields | {"withdrawn": len(generation.revision.withdrawn)})
            return
        self.swapped.set()
        log.info("generation_swapped", extra=fields | {"items": generation.manifest.n_items})

    def take(self, generation: Generation) -> None:
        """Take an open generation into service, and tell the observers."""
        present, self.current = self.current, generation
        is_revision = present is not None and present.id == generation.id
        for observer in self.observers:
            if is_revision:
                observer.revision_swapped(generation)
            else:
                observer.generation_swapped(generation)

    def _open(self, announced: Announcement, present: Generation | None) -> Generation:
        generation = self._store.open(announced.generation_id, announced.revision)
        if present is not None and present.id == generation.id:
            generation = present.with_revision(generation.revision)
        # Cached properties are computed here, in a thread, so that the event loop never waits for them.
        _ = generation.norms, generation.popular_order, generation.key, generation.marks, generation.fixed_items.codes
        _ = generation.json_ids
        generation.rows_of(generation.item_keys[:1])
        self._prepare(generation)
        return generation


def _is_announced(present: Generation, announced: Announcement) -> bool:
    return (present.id, present.revision.number) == (announced.generation_id, announced.revision)


def _stays_in_service(announced: Announcement, present: Generation | None) -> str:
    if present is None:
        return "No generation is in service."
    if present.id == announced.generation_id:
        return f"Revision {present.revision.number} stays in service."
    return f"Generation {present.id} stays in service."
