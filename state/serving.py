"""The generation in service of this process."""

import asyncio
import logging

import msgspec

from state.errors import GenerationError
from state.generation import Generation
from state.generation_store import GenerationStore
from streams.records import Announcement

log = logging.getLogger(__name__)


class Serving:
    """Holds the generation in service and takes announced ones in.

    A commit group reads `current` once, when it begins; so a swap happens between two groups.
    """

    def __init__(self, store: GenerationStore) -> None:
        """Serve generations of `store`; none at first."""
        self.current: Generation | None = None
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
        """Open the generation announced last, verify it and take it into service."""
        self._changed.clear()
        announced, present = self._announced, self.current
        if announced is None or (present is not None and present.id == announced.generation_id):
            return
        try:
            generation = await asyncio.to_thread(self._open, announced.generation_id)
        except GenerationError as error:
            stays = f"Generation {present.id} stays in service." if present else "No generation is in service."
            log.error("generation_refused", extra={"reason": f"{error} {stays}"})  # noqa: TRY400  one line is enough
            return
        self.current = generation
        self.swapped.set()
        log.info("generation_swapped", extra={"generation": generation.id, "items": generation.manifest.n_items})

    def _open(self, generation_id: str) -> Generation:
        generation = self._store.open(generation_id)
        _ = generation.norms, generation.popular_rows, generation.key  # computed here, beside the event loop
        generation.rows_of(generation.item_keys[:1])
        return generation
