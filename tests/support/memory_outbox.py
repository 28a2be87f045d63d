"""An outbox without Kafka; `tests/contract/test_outbox.py` tests it and the real one alike."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from streams.outbox import RECORD_BYTES_MAX, Headers, Item, Outbox, Pending, record_bytes
from streams.settings.deployment import KafkaSettings


class Place(NamedTuple):
    """Kafka's answer to a batch."""

    offset: int


class MemoryOutbox(Outbox):
    """Keeps sent records in lists, one a partition.

    Attributes:
        logs: Written records, per topic and partition.
        headers: The headers of each of them.
        held: Topics whose acknowledgements wait for `release`.
        refused: Topics whose batches are refused, with the error.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        """Prepare an outbox; nothing is sent before `start`."""
        super().__init__(kafka)
        self.logs: dict[tuple[str, int], list[Item]] = {}
        self.headers: dict[tuple[str, int], list[Headers]] = {}
        self.held: set[str] = set()
        self.refused: dict[str, Exception] = {}
        self._waiting: list[tuple[str, asyncio.Future[Any], Place]] = []
        self._started = False

    async def start(self) -> None:
        """Begin."""
        self._started = True

    async def stop(self, patience_s: float | None = None) -> None:  # noqa: ARG002  nothing to be patient with
        """End."""
        self._started = False

    async def send(
        self, topic: str, partition: int, items: Iterable[Item], headers: Iterable[Headers] | None = None
    ) -> Pending:
        """Append to a list."""
        if not self._started:
            message = "The outbox is not started."
            raise RuntimeError(message)
        sent = list(items)
        marks = [()] * len(sent) if headers is None else [tuple(one) for one in headers]
        for (key, value), mark in zip(sent, marks, strict=True):
            size = record_bytes(key, value, mark)
            if size > RECORD_BYTES_MAX:
                message = f"A record of {size:,} bytes for {topic} is larger than {RECORD_BYTES_MAX:,} bytes."
                raise ValueError(message)
        self.headers.setdefault((topic, partition), []).extend(marks)
        batches = [(self._acknowledgement(topic, partition, sent), len(sent))] if sent else []
        return Pending(batches, partial(self._failed, topic), self._timeout_s)

    def release(self, topic: str) -> None:
        """Acknowledge the held batches of a topic."""
        self.held.discard(topic)
        for waiting, future, place in self._waiting:
            if waiting == topic and not future.done():
                future.set_result(place)

    def _acknowledgement(self, topic: str, partition: int, items: list[Item]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic in self.refused:
            future.set_exception(self.refused[topic])
            return future
        log = self.logs.setdefault((topic, partition), [])
        place = Place(len(log))
        log += items
        if topic in self.held:
            self._waiting.append((topic, future, place))
        else:
            future.set_result(place)
        return future
