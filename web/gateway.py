"""One gateway process: it follows its topics, answers clients, and stops with a log message."""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from state.gateway_view.open_view import open_view
from state.gateway_view.view import View
from state.storage.files import locked_folder
from streams.connection.start import ConnectionWatch
from streams.process.gc_tuning import freeze_gc
from streams.process.run_tasks import run_until_stopped
from streams.readers.broadcast import Broadcast
from streams.settings import Settings
from streams.topics.admin import topic_ids
from streams.topics.topics import topic_names
from web.app import create_app
from web.feeds.view_topics import identity_of
from web.parts import GatewayParts, TopicOperations, make_parts, take_items
from web.server.access import Access
from web.server.protocol import listen, server_of, url_of

log = logging.getLogger(__name__)


class GatewayError(RuntimeError):
    """A gateway cannot go on. Nothing is lost: start it again."""


class Gateway:
    """Assembles the parts of a gateway and runs them until it is told to stop or one of them fails."""

    def __init__(self, settings: Settings, operations: TopicOperations) -> None:
        """Prepare a gateway; it is used once, inside a running event loop."""
        self._settings, self._operations = settings, operations
        self._access = Access(settings.gateway)
        self._connection = ConnectionWatch(settings.kafka)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            StateError: Another process uses the folder of this instance, or the view is damaged.
            PortTakenError: The address is taken.
            LogReadError, OutboxError, TopicsError: Kafka did not answer, or a topic is missing.
            UnreachableError: Kafka does not accept the credentials any more.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        folder = self._settings.application.gateway_path
        with locked_folder(folder, f"Another gateway uses {folder}: give this one a PLAYFOLD_INSTANCE of its own."):
            bound = listen(self._settings.gateway)
            view = await asyncio.to_thread(open_own_view, self._settings)
            try:
                await self._serve(view, bound)
            finally:
                bound.close()
                view.close()
                log.info("gateway_stopped")

    async def _serve(self, view: View, bound: Any) -> None:
        """Serve HTTP at once; routes answer 503 until their topics are loaded."""
        parts, names = make_parts(self._settings, self._operations, view), topic_names(self._settings)
        kafka = self._settings.kafka
        followed = partial(Broadcast, kafka, timeout_s=kafka.timeout_s, unreadable=parts.unreadable)
        broadcasts = [
            followed(names.generations, partial(take_announcement, parts)),
            followed(names.popular_items, parts.popular.on_record, on_remade=parts.popular.clear),
            followed(names.pulse, parts.on_pulse),
        ]
        server = server_of(create_app(parts, self._access), self._settings.gateway)
        serving = asyncio.create_task(server.serve([bound]), name="http")
        try:
            log.info("gateway_listening", extra={"url": url_of(bound)})
            await asyncio.to_thread(take_items, parts.catalog, parts.search, view.all_items())
            if await self._before_stop(start_parts(parts, broadcasts)):
                await self._watch(parts, broadcasts, serving, url_of(bound))
        finally:
            parts.waiters.close()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            for broadcast in broadcasts:
                await broadcast.stop()
            await parts.intake.stop()
            parts.session_ranking.stop()

    async def _before_stop(self, start: Coroutine[Any, Any, None]) -> bool:
        """Run a start to its end; False if the gateway was told to stop before."""
        starting, stop = asyncio.create_task(start), asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False

    async def _watch(
        self, parts: GatewayParts, broadcasts: Sequence[Broadcast], serving: "asyncio.Task[None]", url: str
    ) -> None:
        """Wait until the gateway is told to stop; raise as soon as a part of it fails."""
        running = [
            parts.follower.run(),
            parts.progress.run(),
            parts.rejects.run(),
            parts.dashboard.run(),
            parts.serving.follow(),
            say_ready(parts, url),
            ended(serving),
            self._connection.run(),
            *(broadcast.failed() for broadcast in broadcasts),
        ]
        await run_until_stopped(running, self._stop)


def take_announcement(parts: GatewayParts, key: bytes | None, value: bytes | None) -> None:
    """Read a record of `generations`: an announcement, or which topics the workers' state belongs to."""
    parts.epoch.on_record(key, value)
    parts.serving.on_record(key, value)


async def start_parts(parts: GatewayParts, broadcasts: Sequence[Broadcast]) -> None:
    """Start the parts that have to run before the topics are read.

    Raises:
        LogReadError, OutboxError: Kafka did not answer, or a topic is missing.
    """
    await parts.intake.start()
    for broadcast in broadcasts:
        await broadcast.start()
    await asyncio.gather(parts.serving.swap(), parts.session_ranking.warm_up())
    freeze_gc()


async def ended(serving: "asyncio.Task[None]") -> None:
    """Wait until the server ends by itself, which is always an error; it finishes its answers by itself, too.

    Raises:
        GatewayError: It has ended.
    """
    await asyncio.shield(serving)
    message = "The HTTP server has ended by itself: start the gateway again."
    raise GatewayError(message)


async def say_ready(parts: GatewayParts, url: str) -> None:
    """Say when the topics are read."""
    began = time.monotonic()
    await parts.follower.caught_up.wait()
    log.info("gateway_ready", extra={"url": url, "seconds": round(time.monotonic() - began, 3)})


def open_own_view(settings: Settings) -> View:
    """Open the view of this gateway.

    Raises:
        TopicsError: Kafka cannot be reached.
        StateError: The view cannot be opened.
    """
    identity = identity_of(topic_ids(settings), settings)
    return open_view(settings.application.gateway_path / "view", identity, time.time(), settings.topics.partitions)
