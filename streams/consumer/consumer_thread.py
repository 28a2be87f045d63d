"""The thread of the Faust consumer: it reads committed records, always ends, and no other thread uses its sockets."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP
from mode.threads import WorkerThread

from streams.fetch.fetch_by_id import TopicIds

END_S = 5.0
"""Seconds that a stop waits for the thread to end, after the stop of everything that it runs."""


class BoundedThread(WorkerThread):
    """A thread that blocks neither the loop that stops it nor the exit of the process."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make the thread a daemon; Faust passes the arguments."""
        super().__init__(*args, **options)
        self.daemon = True

    def stop(self) -> None:
        """Wait until the thread has ended, or no longer than `END_S`."""
        self.join(END_S)


class SliceConsumerThread(driver.AIOKafkaConsumerThread):
    """A consumer's thread that fetches by topic id, and closes the client in its own event loop."""

    Worker = BoundedThread
    ids: TopicIds | None = None
    """The ids of the topics that are fetched."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Read only committed records: a producer may abort a transaction. Faust has no setting for it."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        self.ids = TopicIds(consumer._client)  # noqa: SLF001
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  Faust's name
        max_records: int | None = None,
    ) -> Any:
        """Fetch; after an error seek back, since aiokafka drops records whose partitions' positions have moved.

        The error ends the worker. Whether Faust commits an offset or fetches before that, no record is passed.
        """
        positions = _positions(consumer, active_partitions)
        try:
            return await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except Exception:
            for tp, position in positions.items():
                consumer.seek(tp, position)
            raise

    def _stopped_set(self) -> None:
        """Stop the thread, which may have ended by itself, and closed its loop, after a crash of the app."""
        try:
            super()._stopped_set()
        except RuntimeError:
            if not self.thread_loop.is_closed():
                raise
            self._stopped.set()

    def close(self) -> None:
        """Start to close the client without waiting, since the app may stop in the middle of a rebalance.

        Faust closes it in the app's event loop. Under uvloop it is a segmentation fault to close a socket in another
        loop than its own.
        """
        if self._consumer is not None and not self.thread_loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._close(self._consumer), self.thread_loop)

    async def _close(self, consumer: Any) -> None:
        """Close the connections first, so that pending requests to the group coordinator fail at once."""
        consumer._closed = True  # noqa: SLF001 - so stop() does nothing; it would wait for the group
        await consumer._client.close()  # noqa: SLF001
        await consumer._coordinator.close()  # noqa: SLF001


def _positions(consumer: Any, tps: Iterable[TP]) -> dict[TopicPartition, int]:
    """Return the positions of assigned partitions, without those that have none yet."""
    subscription = consumer._subscription.subscription  # noqa: SLF001
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    states = {TopicPartition(*tp): assignment.state_value(TopicPartition(*tp)) for tp in tps or ()}
    return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}
