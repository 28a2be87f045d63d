"""The thread in which the consumer of Faust talks to Kafka: it always ends, and nobody else touches its sockets."""

import asyncio
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode.threads import WorkerThread

END_S = 5.0
"""Longest time that a stop waits for the thread to end, once everything that it runs was told to."""


class BoundedThread(WorkerThread):
    """A thread that holds up neither the loop that stops it nor the end of the process for ever."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what Faust gives a thread."""
        super().__init__(*args, **options)
        self.daemon = True

    def stop(self) -> None:
        """Wait until the thread has ended, or no longer than `END_S`."""
        self.join(END_S)


class SliceConsumerThread(driver.AIOKafkaConsumerThread):
    """A consumer's thread that closes the client in its own event loop."""

    Worker = BoundedThread

    def close(self) -> None:
        """Close the client at once, because the app stops while a rebalance is under way; returns before it is done.

        Faust does it in the app's event loop. Sockets of one loop that are closed in another are a segmentation fault
        under uvloop.
        """
        if self._consumer is not None and not self.thread_loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._close(self._consumer), self.thread_loop)

    async def _close(self, consumer: Any) -> None:
        """Close the connections first: what waits for an answer of the group fails instead of waiting on."""
        consumer._closed = True  # noqa: SLF001 - a stop of the consumer, which would wait for the group, then does nothing
        await consumer._client.close()  # noqa: SLF001
        await consumer._coordinator.close()  # noqa: SLF001
