"""The thread of Faust's consumer, with a service that does not end."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import UnsupportedCodecError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP
from mode.utils.locks import Event

from streams.consumer import consumer_thread
from streams.consumer.consumer_thread import BoundedThread, SliceConsumerThread


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


def thread_with(loop: asyncio.AbstractEventLoop) -> SliceConsumerThread:
    """Return a consumer's thread with this loop."""
    thread = SliceConsumerThread.__new__(SliceConsumerThread)
    thread.thread_loop, thread._stopped = loop, Event()  # noqa: SLF001  as Faust's service has them
    return thread


def test_a_thread_that_ended_by_itself_is_stopped_without_an_error() -> None:
    """After a crash of the app the thread ends and closes its loop, which may be before it is stopped."""
    loop = asyncio.new_event_loop()
    loop.close()
    thread = thread_with(loop)

    thread._stopped_set()  # noqa: SLF001  the beginning of a stop

    assert thread._stopped.is_set()  # noqa: SLF001  a second stop does nothing


def test_another_error_of_a_stop_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a loop that runs."""
    loop = asyncio.new_event_loop()

    def fail(_callback: object) -> None:
        message = "not the loop"
        raise RuntimeError(message)

    monkeypatch.setattr(loop, "call_soon_threadsafe", fail)

    with pytest.raises(RuntimeError, match=r"^not the loop$"):
        thread_with(loop)._stopped_set()  # noqa: SLF001
    loop.close()


class FailingConsumer:
    """A consumer whose fetch moves the positions of its partitions and fails, as aiokafka's does."""

    def __init__(self) -> None:
        """Begin at offset 7 of two partitions, and without a position in a third."""
        self.states = {
            TopicPartition("plays", number): SimpleNamespace(position=7, has_valid_position=number < 2)
            for number in range(3)
        }
        assignment = SimpleNamespace(state_value=self.states.get)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
        self.seeks: dict[TopicPartition, int] = {}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Take note."""
        self.seeks[tp] = offset


async def test_a_fetch_that_fails_seeks_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the positions before it: the records of the other partitions are dropped, and would be passed."""
    consumer = FailingConsumer()

    async def fail(_thread: Any, failing: FailingConsumer, *_: Any) -> None:
        for state in failing.states.values():
            state.position += 100
        message = "no codec"
        raise UnsupportedCodecError(message)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fail)
    thread = SliceConsumerThread.__new__(SliceConsumerThread)

    with pytest.raises(UnsupportedCodecError):
        await thread._fetch_records(consumer, {TP("plays", number) for number in range(4)})  # noqa: SLF001

    assert {TopicPartition("plays", 0): 7, TopicPartition("plays", 1): 7} == consumer.seeks
