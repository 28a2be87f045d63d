"""How many live pages are open."""

from collections.abc import AsyncGenerator
from contextlib import aclosing


class OpenStreams:
    """Counts streams from their first event to their end."""

    def __init__(self) -> None:
        """Begin with none."""
        self.n_open = 0

    async def counted(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Yield the events of a stream, and count it meanwhile."""
        self.n_open += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self.n_open -= 1
