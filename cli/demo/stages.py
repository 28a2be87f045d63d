"""The stages of the demo, one after the other."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.live import Live

from cli.demo.browser import open_in_browser
from cli.demo.live import JudgingSender, LiveFigures, follow_lists
from cli.demo.view import Summary, show_live, summarize, tell_line
from cli.processes import GatewayProcess, ProcessError, Service, WorkerProcess, run_command, stop_all
from cli.shared_start import shared_start
from jobs.evaluation.movielens import Ml100k
from streams.files.catalog_file import send_items
from streams.files.plays_piece import PlaysPiece
from streams.files.replay import Pace, Sender, replay
from streams.kafka.broker import Broker
from streams.messages.records import CatalogItem
from streams.outbox import Outbox
from streams.readers.lag import Lag, lag_of
from streams.settings import Settings
from streams.topics.admin import create_topics

PAST_SHARE = 0.8
PIECE_ROWS = 10_000
STEP_S = 300.0
TICK_S = 0.25
VIEW_S = 0.5
LINE_S = 5.0
LAST_LISTS_S = 2.0
SOON_PLAYS = 2000
"""Number of plays to come among which the listener with the most plays is chosen for the page."""
FLAT_OUT = Pace()


class Stages:
    """Runs the stages and records their figures.

    Attributes:
        figures: The measurements so far.
        doing: The stage it is in, as the rest of `while ...`.
    """

    def __init__(
        self, settings: Settings, broker: Broker, films: Ml100k, console: Console, rate: float, *, opens_page: bool
    ) -> None:
        """Prepare; nothing is started yet."""
        self._opens_page = opens_page
        self.console = console
        self._settings, self._broker, self._films, self._rate = settings, broker, films, rate
        self._n_past = int(PAST_SHARE * films.plays.num_rows)
        past = films.plays.slice(0, self._n_past)
        self._past_users = set(past["user_id"].to_pylist())
        self.figures = LiveFigures(zip(past["user_id"].to_pylist(), past["item_id"].to_pylist(), strict=True))
        self.doing = "starting"
        self._live_plays_per_s = 0.0
        self._start_file = settings.application.data_path / "start"
        self._worker = WorkerProcess(settings, self._start_file)
        self._gateway = GatewayProcess(settings, self._start_file)
        self._following: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run all stages; every started process is stopped at the end, or when this is cancelled.

        Raises:
            ProcessError: The worker or the retrain failed.
            BrokerError, JarsError, TopicsError, LogReadError, ReplayError: So did the broker, or Kafka.
        """
        async with AsyncExitStack() as stack:
            stack.callback(stop_all, self._services)
            started = stack.enter_context(shared_start(self._services))
            with self._step("starting Kafka") as done:
                stack.enter_context(self._broker)
                create_topics(self._settings)
                done(f"Kafka runs at {self._broker.bootstrap}, its topics are created.")
            stack.callback(stop_all, self._services)  # before the broker: a worker commits its last group
            self._start_file.touch()
            outbox = await stack.enter_async_context(Outbox(self._settings.kafka))
            with self._step("starting a worker and a gateway") as done:
                if started is not None:
                    started.finish()
                for service in self._services:
                    if not service.running:
                        service.start()
                n_films = await self._send_catalog(outbox)
                for service in self._services:
                    await asyncio.to_thread(service.await_ready, STEP_S)
                done(f"A worker and a gateway are ready, and the catalog knows {n_films:,} films.")
            lag = await stack.enter_async_context(lag_of(self._settings))
            self._following = asyncio.create_task(follow_lists(self._settings, self.figures))
            stack.push_async_callback(_end, self._following)
            await self._replay_past(outbox, lag)
            await self._retrain()
            self._show_page()
            await self._play_live(outbox, lag)

    def summary(self) -> Summary:
        """Return the figures of the whole live part."""
        summary = summarize(self.figures, time.monotonic(), whole=True)
        return msgspec.structs.replace(summary, plays_per_s=round(self._live_plays_per_s, 1), lag=None)

    @property
    def _services(self) -> list[Service]:
        return [self._worker, self._gateway]

    async def _send_catalog(self, outbox: Outbox) -> int:
        """Send the titles of the films to the catalog; return their number."""
        films = [
            CatalogItem(item_id=item_id, title=title, kind="film") for item_id, title in self._films.titles.items()
        ]
        sent = [n async for n in send_items(iter([films]), outbox, self._settings)]
        return sent[-1]

    def _show_page(self) -> None:
        """Open the live page of the listener with the most plays to come, if there is a browser, and print its URL."""
        coming = Counter(self._films.plays["user_id"].slice(self._n_past).to_pylist()[:SOON_PLAYS])
        url = f"{self._gateway.url}/?user={coming.most_common(1)[0][0]}"
        opened = self._opens_page and open_in_browser(url)
        self._say(f"The live page {'is open' if opened else 'is there for you'}: {url}")

    async def _replay_past(self, outbox: Outbox, lag: Lag) -> None:
        n_past = self._n_past
        with self._step(f"replaying {n_past:,} plays flat out") as done:
            began = time.monotonic()
            pieces = pieces_of(self._films, 0, n_past)
            await replay(pieces, Sender(outbox, self._settings), FLAT_OUT, _ignore, asyncio.Event())
            sent_s = time.monotonic() - began
            await self._until(lambda: self.figures.lag == 0, "the plays were folded", lag)
            folded_s = time.monotonic() - began
            done(f"{n_past:,} plays were sent in {sent_s:.1f} s and folded within {folded_s:.1f} s.")

    async def _retrain(self) -> None:
        log_file = self._worker.log_file.with_name("retrain.log")
        with self._step("training the first generation") as done:
            done(await run_command(self._settings, "retrain", log_file=log_file))
        with self._step("making every listener's list") as done:
            users = self._past_users
            await self._until(lambda: users <= self.figures.lists.keys(), "every listener had a list")
            done(f"{len(users):,} listeners have a list.")

    async def _play_live(self, outbox: Outbox, lag: Lag) -> None:
        self.doing = "playing live"
        n_plays = self._films.plays.num_rows - self._n_past
        self._say(f"Now the other {n_plays:,} plays, {self._rate:g} a second; Ctrl-C ends it.")
        pieces = pieces_of(self._films, self._n_past, n_plays)
        sender = JudgingSender(outbox, self._settings, self.figures)
        began = time.monotonic()
        playing = asyncio.create_task(replay(pieces, sender, Pace(self._rate), _ignore, asyncio.Event()))
        try:
            await self._show_until(playing, lag)
        finally:
            self._live_plays_per_s = self.figures.n_sent / (time.monotonic() - began)
            await _end(playing)
        await asyncio.sleep(LAST_LISTS_S)

    async def _show_until(self, playing: asyncio.Task[None], lag: Lag) -> None:
        """Show the figures while plays are sent: live in a terminal, elsewhere a line every few seconds."""

        def view() -> Any:
            summary = summarize(self.figures, time.monotonic(), whole=False)
            return show_live(summary, self.figures.spotlight, self._films.titles)

        said_at = time.monotonic()
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            while not playing.done():
                await asyncio.wait({playing}, timeout=VIEW_S)
                self._check()
                self.figures.lag = await lag.plays()
                now = time.monotonic()
                if self.console.is_terminal:
                    live.update(view(), refresh=True)
                elif now - said_at >= LINE_S:
                    said_at = now
                    self._say(tell_line(summarize(self.figures, now, whole=False)))
        playing.result()

    async def _until(self, reached: Callable[[], bool], what: str, lag: Lag | None = None) -> None:
        """Wait until something is reached.

        Raises:
            ProcessError: It takes too long, or the worker ended.
        """
        deadline = time.monotonic() + STEP_S
        while True:
            if lag is not None:
                self.figures.lag = await lag.plays()
            self._check()
            if reached():
                return
            if time.monotonic() > deadline:
                message = f"It took more than {STEP_S:g} s until {what}: read {self._worker.log_file}."
                raise ProcessError(message)
            await asyncio.sleep(TICK_S)

    def _check(self) -> None:
        """Raise if a process of the demo has ended."""
        for service in self._services:
            if not service.running:
                raise ProcessError(service.describe_end())
        if self._following is not None and self._following.done():
            self._following.result()

    @contextmanager
    def _step(self, doing: str) -> Iterator[Callable[[str], None]]:
        """Show the running step; the block reports its result."""
        self.doing = doing
        began, said = time.monotonic(), ""

        def done(text: str) -> None:
            nonlocal said
            said = text

        with self.console.status(f"{doing[:1].upper()}{doing[1:]} ..."):
            yield done
        self._say(f"{said} ({time.monotonic() - began:.1f} s)")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def pieces_of(films: Ml100k, start: int, n_plays: int) -> Iterator[PlaysPiece]:
    """Yield plays of MovieLens-100K as the replay takes them, from the play at `start` on."""
    for first in range(start, start + n_plays, PIECE_ROWS):
        part = films.plays.slice(first, min(PIECE_ROWS, start + n_plays - first))
        nothing = [None] * part.num_rows
        played_at_ms = [1000 * played_at_s for played_at_s in part["played_at_s"].to_pylist()]
        users, items = part["user_id"].to_pylist(), part["item_id"].to_pylist()
        yield PlaysPiece(
            first + 1, users, items, played_at_ms, list(nothing), list(nothing), list(nothing), list(nothing)
        )


def _ignore(*_: object) -> None:
    """Count nothing."""


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; its error was told already, or does not matter any more."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
