"""One worker process: it joins the group, folds plays, swaps generations, and stops with a sentence."""

import asyncio
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from agents.background.debounce import Debouncer
from agents.background.publish_popular import PopularPublisher
from agents.background.sweep import Sweeper
from agents.observers.ordered import Observers, make_observers
from agents.plays.commit import Committer
from agents.plays.group_work import make_group_work
from agents.plays.pipeline import CommitPipeline
from agents.plays.topic_guard import TopicGuard
from agents.plays.warm_up import warm_up as warm_up_groups
from agents.telemetry.metrics import WorkerMetrics
from agents.telemetry.metrics_server import MetricsServer
from agents.telemetry.pulse import Pulses
from agents.telemetry.reported_parts import ReportedParts
from model.warm_up import warm_up as warm_up_model
from state.catalog.item_catalog import ItemCatalog
from state.errors import StateError
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.lists.popularity import LivePopularity
from state.lists.ranker import Ranker
from state.storage.disk_metrics import DiskMetrics
from state.storage.files import locked_folder
from state.users.store import add_user_table
from streams.connection.rights import describe_missing, find_refused
from streams.connection.start import ConnectionWatch
from streams.consumer.faust_app import create_app, topic_of_bytes
from streams.outbox import Outbox
from streams.process.gc_tuning import freeze_gc
from streams.process.run_tasks import run_until_stopped
from streams.readers.broadcast import Broadcast
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

WATCH_S = 0.1
STOP_S = 17.0
"""Longest time in seconds that the stop of the parts takes; `playfold up` kills a worker after 25 s in all."""


class WorkerError(RuntimeError):
    """A worker cannot continue. Nothing is lost: fix the cause that the message names and start the worker again."""


class Worker:
    """Assembles the parts of a worker and runs them until a signal stops it or a part fails."""

    def __init__(self, settings: Settings) -> None:
        """Assemble a worker; it is used once, inside a running event loop."""
        self._settings, names = settings, topic_names(settings)
        self._app = create_app(settings)
        self._store = add_user_table(self._app, settings)
        self._outbox = Outbox(settings.kafka)
        self._connection = ConnectionWatch(settings.kafka)
        self._catalog = ItemCatalog()
        self._thread = self._store.thread = ThreadPoolExecutor(1, thread_name_prefix="fold")
        self._serving = Serving(generation_store(settings), self._catalog.prepare, self._store.lock, self._thread)
        self._guard = TopicGuard(self._store, self._outbox, settings, self._app.fetched_id)
        kafka, again = settings.kafka, self._guard.publish_again
        self._announcements = Broadcast(
            kafka, names.generations, self._on_announcement, kafka.timeout_s, on_remade=again
        )
        self._items = Broadcast(
            kafka, names.catalog, self._catalog.on_record, kafka.timeout_s, on_remade=self._catalog.clear
        )
        committer = Committer(self._outbox, self._store.partitions, settings)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ranker, popularity = Ranker(settings.ranking, self._catalog), LivePopularity(settings.popularity)
        observers = make_observers(settings, popularity, self._catalog)
        work = make_group_work(settings, ranker, popularity, observers, observers.arrival_counts, observers.outcome_log)
        self._pipeline = CommitPipeline(
            self._store, self._serving, committer, work, self._thread, settings, self._fail, self._guard
        )
        self._sweeper = Sweeper(self._store, self._serving, self._pipeline, settings, self._guard)
        self._debouncer = Debouncer(self._store, self._pipeline, settings)
        self._publisher = PopularPublisher(
            self._store, popularity, self._outbox, self._thread, settings, self._catalog, self._guard.present_ids
        )
        self._serving.observers = [self._catalog, ranker, *observers, self._publisher]
        parts = self._reported_parts(observers)
        self._pulses = Pulses(parts, settings, catalog=self._items)
        metrics = WorkerMetrics(parts, ranker, self._pulses, DiskMetrics(settings.application.data_path), self._app)
        self._metrics = MetricsServer(metrics, settings.telemetry.metrics_port, settings.telemetry.metrics_host)
        plays = topic_of_bytes(self._app, names.plays, settings.topics.partitions)
        self._app.agent(plays, name="fold")(self._pipeline.fold_plays)
        self._stop = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None

    def _reported_parts(self, observers: Observers) -> ReportedParts:
        """Return the parts that metrics and pulse report on."""
        lost, republishing = lambda: self._guard.lost, self._sweeper.republisher.progress
        return ReportedParts(self._serving, self._store, observers, self._pipeline.latencies, lost, republishing)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            WorkerError: The worker was not ready in time, or Faust stopped.
            StateError: Another process uses the folder of this instance, or the state is damaged.
            MetricsError: The port of the metrics is taken.
            OutboxError, LogReadError: Kafka did not answer.
            UnreachableError: Kafka does not accept the credentials any more.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        folder = self._settings.application.worker_path
        taken = f"Another worker uses {folder}: give this one a PLAYFOLD_INSTANCE of its own."
        with locked_folder(folder, taken):
            try:
                await self._start()
                await self._watch()
            except BaseException:
                self._app.conf.stream_wait_empty = False  # the present group will not be finished
                raise
            finally:
                await self._shut_down()

    async def _start(self) -> None:
        self._metrics.start()
        warming = asyncio.get_running_loop().run_in_executor(self._thread, warm_up)
        await self._outbox.start()
        await self._guard.start()
        await self._announcements.start()
        await self._read_catalog()
        await self._serving.swap()
        await warming
        freeze_gc()
        self._starting = asyncio.create_task(self._app.start())
        # Not `wait_for`: Faust may swallow a cancellation.
        done, _ = await asyncio.wait({self._starting}, timeout=self._settings.worker.ready_s)
        if not done:
            raise self._not_ready()
        self._starting.result()

    def _on_announcement(self, key: bytes | None, value: bytes | None) -> None:
        self._guard.on_record(key, value)
        self._serving.on_record(key, value)

    async def _read_catalog(self) -> None:
        """Load the whole catalog first, so that no list contains an unavailable item."""
        began = time.monotonic()
        await self._items.start()
        log.info("catalog_read", extra={"items": len(self._catalog), "seconds": round(time.monotonic() - began, 3)})

    async def _watch(self) -> None:
        """Run all parts until a signal stops the worker; raise as soon as a part fails."""
        parts = [
            self._log_ready(),
            self._announcements.failed(),
            self._items.failed(),
            self._serving.follow(),
            self._sweeper.run(),
            self._debouncer.run(),
            self._publisher.run(),
            self._pulses.run(),
            self._pipeline.expire_private(),
            self._pipeline.watch_topics(),
            self._app_stopped(),
            self._connection.run(),
        ]
        await run_until_stopped(parts, self._stop, self._failed)

    async def _log_ready(self) -> None:
        """Log that the worker is ready, as soon as it is.

        Raises:
            WorkerError: The worker is not ready within `ready_s`; time in which recovery makes progress does not count.
        """
        recovery = self._app.tables.recovery
        moved, n_recovered = time.monotonic(), 0
        while not recovery.completed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(recovery.completed.wait(), WATCH_S)
            if self._store.n_recovered > n_recovered:
                moved, n_recovered = time.monotonic(), self._store.n_recovered
                log.info("recovering", extra={"records": n_recovered})
            if time.monotonic() - moved > self._settings.worker.ready_s:
                raise self._not_ready()
        seconds = round(time.monotonic() - self._store.opened_at, 3)
        partitions, n_recovered = sorted(self._store.partitions), self._store.n_recovered
        log.info("worker_ready", extra={"partitions": partitions, "recovered": n_recovered, "seconds": seconds})

    def _not_ready(self) -> WorkerError:
        instance, ready_s = self._settings.application.instance, self._settings.worker.ready_s
        message = (
            f"Worker {instance} got no partitions within {ready_s:g} s. "
            "Check the broker, and that no other worker runs under the same PLAYFOLD_INSTANCE."
        )
        return WorkerError(message)

    async def _app_stopped(self) -> None:
        """Wait until Faust stops by itself, which is always an error."""
        await self._app.wait_until_stopped()
        reason = self._app.crash_reason
        if isinstance(reason, StateError):
            raise reason
        right = find_refused(reason)
        if right is not None:
            raise WorkerError(describe_missing(self._settings.kafka, [right])) from reason
        message = f"Faust stopped: {reason!r}." if reason else "Faust stopped without a reason."
        raise WorkerError(message) from reason

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _shut_down(self) -> None:
        """Finish the present group, commit its offsets, leave the consumer group, close the state; bounded in time."""
        stopping = asyncio.create_task(self._stop_parts())
        # Faust swallows a cancellation while it waits for messages, so a time-out around it would not end it.
        await asyncio.wait({stopping}, timeout=STOP_S)
        if not stopping.done():
            log.warning("stop_took_too_long", extra={"seconds": STOP_S})
        elif error := stopping.exception():
            log.warning("stop_failed", extra={"reason": repr(error)})
        self._thread.shutdown(wait=False, cancel_futures=True)
        log.info("worker_stopped")

    async def _stop_parts(self) -> None:
        if self._starting is not None:
            await asyncio.wait({self._starting})  # a stop in the middle of a start would leave parts of Faust running
        await self._app.stop()
        await self._announcements.stop()
        await self._items.stop()
        await self._guard.stop()
        await self._outbox.stop()
        await self._metrics.stop()


def warm_up() -> None:
    """Compile or load every kernel of a commit group before the first play."""
    warm_up_model()
    warm_up_groups()
