"""What the tests of a running worker look at: lists, rejects, and how long anything takes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from cli.processes import WorkerProcess
from streams.messages.records import Recommendations, RejectedPlay
from streams.outbox import Item, Outbox
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.made_up import produce_plays

READY_S = 30.0


@contextmanager
def worker(settings: Settings) -> Iterator[WorkerProcess]:
    """Run a worker that is ready."""
    process = WorkerProcess(settings)
    process.start()
    try:
        process.await_ready(READY_S)
        yield process
    finally:
        process.stop()


def play(user: str, item: str, at_ms: int = 1_700_000_000_000) -> Item:
    """Return a play as it travels."""
    return user.encode(), msgspec.json.encode({"user_id": user, "item_id": item, "played_at_ms": at_ms})


def send(settings: Settings, plays: Sequence[Item]) -> None:
    """Send records to the plays."""

    async def produce() -> None:
        async with Outbox(settings) as outbox:
            await produce_plays(outbox, settings, plays)

    asyncio.run(produce())


def values(settings: Settings, topic: str) -> list[tuple[bytes, bytes]]:
    """Return keys and values of a topic."""

    async def read() -> list[tuple[bytes, bytes]]:
        found = read_topic(settings.kafka.brokers, topic, 10)
        return [(record.key, record.value) async for _, records in found for record in records]

    return asyncio.run(read())


def lists(settings: Settings) -> dict[str, Recommendations]:
    """Return every user's latest list."""
    found = values(settings, topic_names(settings).recommendations)
    return {key.decode(): msgspec.json.decode(value, type=Recommendations) for key, value in found}


def rejects(settings: Settings) -> list[RejectedPlay]:
    """Return the rejected plays."""
    found = values(settings, topic_names(settings).plays_rejected)
    return [msgspec.json.decode(value, type=RejectedPlay) for _, value in found]
