"""`playfold up`: broker, topics, workers and a gateway in one terminal."""

import contextlib
import signal
import time
from collections import deque
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from cli.processes import GatewayProcess, Service, WorkerProcess, stop_all
from streams.kafka.broker import HOST, Broker, answers, embedded_broker
from streams.settings import Settings, override, read_settings
from streams.settings.deployment import KafkaSettings
from streams.topics.admin import create_topics, verify_topics

RESTARTS_MAX = 5
RESTARTS_WITHIN_S = 60.0
RESTART_PAUSE_S = 1.0
WATCH_S = 0.2
app = typer.Typer(add_completion=False)


class UpError(RuntimeError):
    """Something of `playfold up` does not stay up; the message names it and its log. Mend that and start again."""


class Teller:
    """Tells what happens, a sentence or a JSON object a line."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the form."""
        self._as_json = as_json

    def tell(self, event: str, text: str, **fields: object) -> None:
        """Tell an event."""
        line = msgspec.json.encode({"event": event, **fields}).decode() if self._as_json else text
        typer.echo(line)


class Watched:
    """A process that is started again when it ends by itself, a bounded number of times."""

    def __init__(self, service: Service, teller: Teller) -> None:
        """Start the process."""
        self.service = service
        self._teller = teller
        self._ends: deque[float] = deque()
        self._start_at: float | None = None
        self.ready = False
        service.start()

    def look(self, now: float) -> None:
        """See how the process does at a time in seconds, and start it again if it has been down for a pause.

        Raises:
            UpError: It has ended too often.
        """
        instance = self.service.settings.application.instance
        if self._start_at is not None:
            if now >= self._start_at:
                self._start_at = None
                self.service.start()
        elif not self.service.running:
            self.ready = False
            self._note_end(now)
            self._start_at = now + RESTART_PAUSE_S
            text = f"{self.service.describe_end()} It starts again."
            event = f"{self.service.command}_ended"
            self._teller.tell(event, text, instance=instance, status=self.service.child.status)
        elif not self.ready and self.service.ready:
            self.ready = True
            self._tell_ready()

    def _tell_ready(self) -> None:
        service = self.service
        event, instance = f"{service.command}_ready", service.settings.application.instance
        if isinstance(service, GatewayProcess):
            self._teller.tell(event, f"{service.name} is ready at {service.url}", instance=instance, url=service.url)
        else:
            self._teller.tell(event, f"{service.name} is ready.", instance=instance)

    def _note_end(self, now: float) -> None:
        self._ends.append(now)
        while self._ends[0] < now - RESTARTS_WITHIN_S:
            self._ends.popleft()
        if len(self._ends) > RESTARTS_MAX:
            message = f"{self.service.describe_end()} It has ended {len(self._ends)} times in a minute and stays down."
            raise UpError(message)


@app.command()
def up(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
    gateway: Annotated[bool, typer.Option(help="Whether to run a gateway, with the live page, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Tell events as JSON.")] = False,
) -> None:
    """Run broker, topics, workers and a gateway until Ctrl-C or SIGTERM.

    A Kafka that answers at PLAYFOLD_BROKERS already, or on another machine, is used as it is.
    """
    settings, teller = read_settings(), Teller(as_json=as_json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        broker = None if served_already(settings.kafka) else stack.enter_context(embedded_broker(settings))
        where = "embedded" if broker else "found there"
        teller.tell(
            "broker_ready", f"Kafka answers at {settings.kafka.brokers} ({where}).", brokers=settings.kafka.brokers
        )
        create_topics(settings)
        verify_topics(settings)
        processes: list[Service] = [
            WorkerProcess(worker_settings(settings, number)) for number in range(1, workers + 1)
        ]
        if gateway:
            processes.append(GatewayProcess(settings))
        stack.callback(stop_all, processes)
        stack.callback(ignore_interrupts)
        watch([Watched(process, teller) for process in processes], broker, teller)


def served_already(kafka: KafkaSettings) -> bool:
    """Return whether Kafka is somebody else's: on another machine, several, or answering already."""
    host, _, port = kafka.brokers.rpartition(":")
    return host not in {HOST, "localhost"} or answers(int(port))


def worker_settings(settings: Settings, number: int) -> Settings:
    """Return the settings of one of several workers: each has an instance of its own, the same at every start."""
    instance = settings.application.instance if number == 1 else f"{settings.application.instance}-{number}"
    return override(settings, instance=instance)


def watch(services: Sequence[Watched], broker: Broker | None, teller: Teller) -> None:
    """Keep the processes up until interrupted.

    Raises:
        UpError: A process ended too often.
        BrokerError: The embedded broker ended.
    """
    told = False
    while True:
        if broker is not None and not broker.running:
            broker.wait()
        for service in services:
            service.look(time.monotonic())
        if not told and all(service.ready for service in services):
            told = True
            teller.tell("up", "playfold is up; Ctrl-C stops it.")
        time.sleep(WATCH_S)


def ignore_interrupts() -> None:
    """Let an end that has begun take its bounded time: a second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
