"""How many live pages are open."""

from collections.abc import AsyncGenerator, AsyncIterator


class OpenStreams:
    """Counts streams from their first event to their end."""

    def __init__(self) -> None:
        """Begin with none."""
        self.n_open = 0

    async def counted(self, events: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the events of a stream, and count it meanwhile."""
        self.n_open += 1
        try:
            async for event in events:
                yield event
        finally:
            self.n_open -= 1
