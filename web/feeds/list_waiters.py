"""Requests that wait for a listener's list: readers of their own writes, and open pages."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

WAITING_MAX = 10_000
"""Requests that may wait at a time."""


class TooManyWaitError(RuntimeError):
    """The limit of waiting requests is reached. Read without `after`, or retry later."""


class ListWaiters:
    """Wakes requests when a list arrives; used on the event loop alone.

    Attributes:
        closed: True once the gateway stops and no list arrives any more.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._began_at: dict[asyncio.Event, float] = {}
        """When each waiter began, the earliest first."""
        self.closed = False

    def wake(self, user_ids: Iterable[str]) -> None:
        """Wake the requests that wait for the lists of these listeners."""
        if self._waiting:
            for user_id in user_ids:
                for event in self._waiting.get(user_id, ()):
                    event.set()

    def wake_all(self) -> None:
        """Wake every waiter so that it checks its condition again."""
        for events in self._waiting.values():
            for event in events:
                event.set()

    def close(self) -> None:
        """Wake every waiter; requests end their waiting."""
        self.closed = True
        self.wake_all()

    @property
    def any(self) -> bool:
        """Return whether any request waits."""
        return bool(self._waiting)

    def any_for(self, seconds: float) -> bool:
        """Return whether any request has waited for so long."""
        first = next(iter(self._began_at.values()), None)
        return first is not None and asyncio.get_running_loop().time() - first >= seconds

    async def until(self, came: asyncio.Event, is_so: Callable[[], bool], wait_s: float) -> bool:
        """Check a condition whenever `came` is set, until it holds, the time is up or the gateway ends.

        Whichever it was, the condition has the last word: a list may come as the time is up.
        """
        if is_so():
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not self.closed:
                    await came.wait()
                    came.clear()
                    if is_so():
                        return True
        return is_so()

    @contextmanager
    def wait_for(self, user_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever a list of a listener arrives; the waiter clears it.

        Raises:
            TooManyWaitError: `WAITING_MAX` requests wait already.
        """
        if len(self._began_at) >= WAITING_MAX:
            message = f"{WAITING_MAX:,} requests wait for lists already."
            raise TooManyWaitError(message)
        event = asyncio.Event()
        self._waiting.setdefault(user_id, set()).add(event)
        self._began_at[event] = asyncio.get_running_loop().time()
        try:
            yield event
        finally:
            del self._began_at[event]
            events = self._waiting[user_id]
            events.discard(event)
            if not events:
                del self._waiting[user_id]
