"""Who waits for a listener's list: readers of their own writes, and open pages."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

WAITING_MAX = 10_000
"""Requests that may wait at a time."""


class TooManyWaitError(RuntimeError):
    """So many requests wait already that no more may. Read without `after`, or try again."""


class ListWaiters:
    """Tells those who wait that a list came; on the event loop alone.

    Attributes:
        closed: Set when no list will come any more, since the gateway stops.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._n_waiting = 0
        self.closed = False

    def wake(self, user_ids: Iterable[str]) -> None:
        """Wake those who wait for the lists of these listeners."""
        if self._waiting:
            for user_id in user_ids:
                for event in self._waiting.get(user_id, ()):
                    event.set()

    def wake_all(self) -> None:
        """Wake everybody: something has come to pass that may end their waiting."""
        for events in self._waiting.values():
            for event in events:
                event.set()

    def close(self) -> None:
        """Wake everybody for good."""
        self.closed = True
        self.wake_all()

    @property
    def any(self) -> bool:
        """Tell whether anybody waits."""
        return bool(self._waiting)

    @contextmanager
    def wait_for(self, user_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever a list of a listener comes; who waits clears it.

        Raises:
            TooManyWaitError: There are too many already.
        """
        if self._n_waiting >= WAITING_MAX:
            message = f"{WAITING_MAX:,} requests wait for lists already."
            raise TooManyWaitError(message)
        event = asyncio.Event()
        self._waiting.setdefault(user_id, set()).add(event)
        self._n_waiting += 1
        try:
            yield event
        finally:
            self._n_waiting -= 1
            events = self._waiting[user_id]
            events.discard(event)
            if not events:
                del self._waiting[user_id]
