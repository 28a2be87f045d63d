"""A consumer of slices whose fetches are made up."""

from types import SimpleNamespace
from typing import Any

from faust.types.tuples import TP
from mode import Service

from streams.consumer.faust_app import create_app
from streams.consumer.slices import LeanRecords, SliceConsumer
from streams.fetch.unreadable_batch import UnreadableBatch
from tests.support.settings import settings_with

GENERATION_ID = 4
SLICE_MAX = 10


def unreadable(first: int, last: int) -> UnreadableBatch:
    """Return a batch that does not decode."""
    return UnreadableBatch("plays", 0, first, last, None, "no codec", b"", 0)


def records(n: int) -> list[Any]:
    """Return records at the offsets from 100 on."""
    return [SimpleNamespace(offset=100 + number, timestamp=1500, timestamp_type=1) for number in range(n)]


class FetchedConsumer(SliceConsumer):
    """A slice consumer whose fetches are made up."""

    def __init__(
        self, fetched: dict[TP, list[Any]], group_plays_max: int = 4000, read_to: dict[TP, int] | None = None
    ) -> None:
        """Deliver the same fetch whenever it is asked for."""
        app = create_app(settings_with(slice_plays_max=SLICE_MAX, group_plays_max=group_plays_max))
        app.consumer_generation_id = GENERATION_ID
        super().__init__(app.transport, app.topics.on_message, None, None)
        self.n_fetches = 0
        self._fetched, self._active_partitions = fetched, {*fetched, *(read_to or {})}
        self._passes = read_to or {}

    def _new_consumer_thread(self) -> Service:
        return Service()

    def fetched_id(self, topic: str) -> str:
        """Return a made-up id."""
        return f"{topic}-id"

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp.topic == "changelog")

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ARG002, ASYNC109
        self.n_fetches += 1
        LeanRecords.read_to.update(self._passes)
        return self._fetched, self._active_partitions


async def delivered(consumer: SliceConsumer) -> list[tuple[TP, int, int, int]]:
    """Return partition, size, offset and generation id of every slice of a fetch, those of a changelog first."""
    messages = [message async for _, message in consumer.getmany(1.0)]
    while not consumer.slices.empty():
        messages.append(consumer.slices.get_nowait().message)
    return [(message.tp, len(message.value), message.offset, message.generation_id) for message in messages]
