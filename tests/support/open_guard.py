"""A guard of topics for tests without Kafka."""

import asyncio
from collections.abc import Sequence

from agents.plays.topic_guard import Write
from streams.consumer.slices import Slice


class OpenGuard:
    """Admits every group, unless the test gives it an error.

    Attributes:
        error: Raised by the next check.
    """

    def __init__(self) -> None:
        """Admit everything."""
        self.error: Exception | None = None

    async def admit(self, group: Sequence[Slice], write: Write) -> None:
        """Admit a group."""
        assert group
        assert callable(write)
        if self.error is not None:
            raise self.error

    async def watch(self, turn: asyncio.Lock, write: Write) -> None:
        """Wait for ever."""
        assert turn
        assert callable(write)
        await asyncio.Event().wait()
