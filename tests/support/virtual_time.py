"""An event loop whose clock does not wait: a test of timers takes no time and measures exact seconds."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

DELIVERY_S = 0.001
"""Real seconds that a byte between two sockets of the loop may take: it comes before any timer."""


def now_s() -> float:
    """Return the seconds that passed on the running event loop's clock since the test began."""
    return asyncio.get_running_loop().time()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while tasks run, and jumps to the next timer once all of them wait.

    While a thread works for the loop, the loop waits for the thread: a timer cannot overtake it.
    """

    def __init__(self) -> None:
        """Set the clock to 0."""
        self._n_in_threads = 0
        self._jumps = _JumpingSelector(lambda: self._n_in_threads > 0)
        super().__init__(self._jumps)

    def time(self) -> float:
        """Return the seconds that passed on this clock."""
        return self._jumps.now_s

    def run_in_executor(  # type: ignore[override]  # Any stands for what the function takes and returns
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread, and let no timer fire before it ends."""
        self._n_in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._leave_thread)
        return future

    def _leave_thread(self, _future: object) -> None:
        self._n_in_threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Takes the time until the next timer for passed, unless input is there or a thread works."""

    def __init__(self, threads_work: Callable[[], bool]) -> None:
        """Let `threads_work` say whether a thread works for the loop."""
        super().__init__()
        self.now_s = 0.0
        self._threads_work = threads_work

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the input that is there; without any, let `timeout` seconds pass on the clock."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self._threads_work():
            return super().select(None)
        if len(self.get_map()) > 1 and (ready := super().select(DELIVERY_S)):
            return ready
        self.now_s += timeout
        return []
