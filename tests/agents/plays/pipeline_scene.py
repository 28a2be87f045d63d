"""A pipeline of one partition, with an outbox in memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from agents.plays.commit import Committer
from agents.plays.group_work import make_group_work
from agents.plays.pipeline import CommitPipeline
from agents.plays.play_flow import FLOW_S
from state.generations.folder_store import FolderStore
from state.generations.serving import Serving
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from state.users.store import UserStore
from streams.consumer.slices import Slice
from streams.topics.topics import topic_names
from tests.support.clock import StepClock
from tests.support.deliveries import played, slice_of
from tests.support.memory_outbox import MemoryOutbox
from tests.support.open_guard import OpenGuard
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, kafka_timeout_s=1)
NAMES = topic_names(SETTINGS)
GENERATION_ID = 7
STEP_S = FLOW_S / 4
"""Seconds between two readings of the clock. A group reads it four times: around its turn and around its work."""


class Message:
    """A slice on its way through Faust."""

    def __init__(self, partition: int, first: int, *users: str, **fields: Any) -> None:
        """Hold a play of every user."""
        part = slice_of(partition, first, *(played(user, "i1", **fields) for user in users))
        self.topic, self.partition, self.value, self.generation_id = "plays", partition, part.records, GENERATION_ID
        self.tracked, self.acked = True, False

    def ack(self, _consumer: object) -> None:
        """Take note."""
        self.acked = True


class Scene:
    """A path with one partition, an outbox in memory, and a stream to put slices into."""

    def __init__(self, folder: Path, outbox: MemoryOutbox) -> None:
        """Prepare."""
        self.outbox, self.failures = outbox, list[Exception]()
        self.state = PartitionState(folder / "0")
        self.store = SimpleNamespace(partitions={0: self.state}, lock=asyncio.Lock())
        self.serving = Serving(FolderStore(folder))
        self.thread = ThreadPoolExecutor(1)
        self.committer = committer = Committer(outbox, self.store.partitions, SETTINGS)
        store = cast(UserStore, self.store)
        self.work = make_group_work(SETTINGS, Ranker(SETTINGS.ranking), TrainedPopularity(), [])
        self.clock, self.guard = StepClock(STEP_S), OpenGuard()
        self.pipeline = CommitPipeline(
            store,
            self.serving,
            committer,
            self.work,
            self.thread,
            SETTINGS,
            self.failures.append,
            self.guard,
            self.clock,
        )
        self.queue: asyncio.Queue[Slice] = asyncio.Queue()
        consumer = SimpleNamespace(
            slices=self.queue, taken=lambda _plays: None, flow_active=True, _unacked_messages=set()
        )
        app = SimpleNamespace(consumer=consumer, consumer_generation_id=GENERATION_ID, slice_plays_max=1000)
        self.folding = asyncio.create_task(self.pipeline.fold_plays(SimpleNamespace(app=app)))

    def deliver(self, *messages: Message) -> None:
        """Put slices into the stream, all at once."""
        for message in messages:
            self.queue.put_nowait(Slice("plays", message.partition, message.value, cast(Any, message)))

    async def close(self) -> None:
        """End."""
        self.folding.cancel()
        with suppress(asyncio.CancelledError):
            await self.folding
        self.thread.shutdown()
        self.state.close()
