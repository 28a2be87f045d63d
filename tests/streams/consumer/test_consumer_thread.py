"""The thread of Faust's consumer, with a service that does not end."""

import threading
import time

import pytest

from streams.consumer import consumer_thread
from streams.consumer.consumer_thread import BoundedThread


class Endless:
    """Serves until it is let go."""

    def __init__(self) -> None:
        """Begin held."""
        self.let_go = threading.Event()

    def _start_thread(self) -> None:
        self.let_go.wait()


def test_a_thread_that_does_not_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the loop that stops it, which waits for `END_S` only, nor the end of the process."""
    monkeypatch.setattr(consumer_thread, "END_S", 0.05)
    endless = Endless()
    thread = BoundedThread(endless)
    thread.start()
    began = time.monotonic()

    thread.stop()

    assert 0.05 <= time.monotonic() - began < 5
    assert thread.is_alive()
    assert thread.daemon
    endless.let_go.set()
    thread.stop()
    assert not thread.is_alive()
