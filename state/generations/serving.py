"""The generation in service of this process, and its revision."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from state.errors import GenerationError, StoreUnavailableError
from state.generations.generation import Generation
from state.generations.store import GenerationStore
from streams.messages.records import Announcement

log = logging.getLogger(__name__)

RETRY_S = 10.0
"""Until an announced generation is asked for again, where the store did not answer."""


class Serving:
    """Holds the generation in service and takes announced ones in.

    A commit group reads `current` once, when it begins; so a swap happens between two groups.
    """

    def __init__(
        self, store: GenerationStore, prepare: Callable[[Generation], None] = lambda _generation: None
    ) -> None:
        """Serve generations of `store`, none at first; `prepare` is called, in a thread, with each before it serves."""
        self.current: Generation | None = None
        self._prepare = prepare
        self.swapped = asyncio.Event()
        self._store = store
        self._announced: Announcement | None = None
        self._changed = asyncio.Event()

    def announce(self, _key: bytes | None, value: bytes | None) -> None:
        """Take note of a record of the generations topic; the last one counts."""
        try:
            self._announced = msgspec.json.decode(value or b"", type=Announcement)
        except (ValueError, RecursionError) as error:  # whatever the bytes are, the worker goes on
            log.error("announcement_unreadable", extra={"reason": str(error)})  # noqa: TRY400  one line is enough
            return
        self._changed.set()

    async def follow(self) -> None:
        """Swap to every announced generation; one that cannot be opened leaves the present one in service."""
        while True:
            await self._changed.wait()
            await self.swap()

    async def swap(self) -> None:
        """Open what was announced last, verify it and take it into service.

        A store that does not answer is asked again by `follow`, after a while; a generation that is damaged is not.

        Another revision of the generation in service only replaces its index and what is withdrawn: users' vectors
        belong to the generation as before, and nobody has to be swept.
        """
        self._changed.clear()
        announced, present = self._announced, self.current
        if announced is None or (present is not None and _is(present, announced)):
            return
        try:
            generation = await asyncio.to_thread(self._open, announced, present)
        except GenerationError as error:
            log.error("generation_refused", extra={"reason": f"{error} {_stays(announced, present)}"})  # noqa: TRY400  one line is enough
            if isinstance(error, StoreUnavailableError):
                asyncio.get_running_loop().call_later(RETRY_S, self._changed.set)
            return
        self.current = generation
        told = {"generation": generation.id, "revision": generation.revision.number}
        if present is not None and present.id == generation.id:
            log.info("revision_swapped", extra=told | {"withdrawn": len(generation.revision.withdrawn)})
            return
        self.swapped.set()
        log.info("generation_swapped", extra=told | {"items": generation.manifest.n_items})

    def _open(self, announced: Announcement, present: Generation | None) -> Generation:
        generation = self._store.open(announced.generation_id, announced.revision)
        if present is not None and present.id == generation.id:
            generation = present.with_revision(generation.revision)
        # Computed here, beside the event loop.
        _ = generation.norms, generation.popular_order, generation.key, generation.marks
        generation.rows_of(generation.item_keys[:1])
        self._prepare(generation)
        return generation


def _is(present: Generation, announced: Announcement) -> bool:
    return (present.id, present.revision.number) == (announced.generation_id, announced.revision)


def _stays(announced: Announcement, present: Generation | None) -> str:
    if present is None:
        return "No generation is in service."
    if present.id == announced.generation_id:
        return f"Revision {present.revision.number} stays in service."
    return f"Generation {present.id} stays in service."
