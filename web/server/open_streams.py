"""How many live pages are open, and the answer that is such a page's stream."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from web.server.problems import RETRY_S, Problem


class OpenStreams:
    """Counts streams from before their first event to their end.

    Attributes:
        n_open: Those that are open now.
    """

    def __init__(self, n_max: int) -> None:
        """Let so many be open at a time."""
        self.n_open, self._n_max = 0, n_max

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one more while the block lasts.

        Raises:
            Problem: There are as many as may be.
        """
        if self.n_open >= self._n_max:
            raise Problem(503, "The limit of open live pages is reached.", retry_s=RETRY_S)
        self.n_open += 1
        try:
            yield
        finally:
            self.n_open -= 1


class EventStream(StreamingResponse):
    """Server-sent events as an answer; it counts as open from the moment on that it is let in."""

    def __init__(self, streams: OpenStreams, events: AsyncGenerator[bytes, None]) -> None:
        """Send `events`."""
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._streams, self._events = streams, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them until they end or the client goes.

        Raises:
            Problem: There are as many as may be.
        """
        with self._streams.counted():
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._events.aclose()
