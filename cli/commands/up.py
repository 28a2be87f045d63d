"""`playfold up`: broker, topics, workers and a gateway in one terminal."""

import contextlib
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.processes import GatewayProcess, Service, WorkerProcess, stop_all
from cli.shared_start import shared_start
from streams.kafka.broker import Broker, embedded_broker
from streams.kafka.ports import HOST, answers
from streams.settings import Settings, override, read_settings
from streams.settings.deployment import KafkaSettings

RESTARTS_MAX = 5
RESTARTS_WITHIN_S = 60.0
RESTART_PAUSE_S = 1.0
WATCH_S = 0.2
app = typer.Typer(add_completion=False)


class UpError(RuntimeError):
    """A process of `playfold up` ends again and again. Correct the error that its log names, and start again."""


class EventPrinter:
    """Prints events: each a sentence or a JSON object on a line."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the form."""
        self._as_json = as_json

    def print_event(self, event: str, text: str, **fields: object) -> None:
        """Print an event."""
        line = msgspec.json.encode({"event": event, **fields}).decode() if self._as_json else text
        typer.echo(line)


class Watched:
    """A process that is restarted when it ends by itself, a bounded number of times."""

    def __init__(self, service: Service, printer: EventPrinter) -> None:
        """Start the process, unless it runs."""
        self.service = service
        self._printer = printer
        self._ends: deque[float] = deque()
        self._start_at: float | None = None
        self.ready = False
        if not service.running:
            service.start()

    def check(self, now: float) -> None:
        """Check the process at a time in seconds, and restart it after a pause if it has ended.

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
            self._count_end(now)
            self._start_at = now + RESTART_PAUSE_S
            text = f"{self.service.describe_end()} It is restarted."
            event = f"{self.service.command}_ended"
            self._printer.print_event(event, text, instance=instance, status=self.service.child.status)
        elif not self.ready and self.service.ready:
            self.ready = True
            self._print_ready()

    def _print_ready(self) -> None:
        service = self.service
        event, instance = f"{service.command}_ready", service.settings.application.instance
        if isinstance(service, GatewayProcess):
            self._printer.print_event(
                event, f"{service.name} is ready at {service.url}", instance=instance, url=service.url
            )
        else:
            self._printer.print_event(event, f"{service.name} is ready.", instance=instance)

    def _count_end(self, now: float) -> None:
        self._ends.append(now)
        while self._ends[0] < now - RESTARTS_WITHIN_S:
            self._ends.popleft()
        if len(self._ends) > RESTARTS_MAX:
            message = (
                f"{self.service.describe_end()} It ended {len(self._ends)} times in a minute and is not restarted."
            )
            raise UpError(message)


@app.command()
def up(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
    gateway: Annotated[bool, typer.Option(help="Run a gateway with the live page too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON.")] = False,
) -> None:
    """Run broker, topics, workers and a gateway until Ctrl-C or SIGTERM.

    It uses a Kafka that already answers at PLAYFOLD_BROKERS, or one on another machine, and starts none.
    """
    settings, printer = read_settings(), EventPrinter(as_json=as_json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        start_file = stack.enter_context(new_start_file())
        processes = processes_of(settings, workers, start_file, gateway=gateway)
        stack.callback(stop_all, processes)
        # They import their work while Kafka starts, and begin once the start file exists.
        started = stack.enter_context(shared_start(processes))
        broker = None if runs_elsewhere(settings.kafka) else stack.enter_context(embedded_broker(settings))
        stack.callback(stop_all, processes)  # before the broker: a worker commits its last group
        where = "embedded" if broker else "already running"
        printer.print_event(
            "broker_ready", f"Kafka answers at {settings.kafka.brokers} ({where}).", brokers=settings.kafka.brokers
        )
        prepare_topics(settings)
        start_file.touch()
        if started is not None:
            started.finish()
        stack.callback(ignore_interrupts)
        watch([Watched(process, printer) for process in processes], broker, printer)


@contextlib.contextmanager
def new_start_file() -> Iterator[Path]:
    """Give the path of a start file that does not exist yet; remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="playfold-up-") as folder:
        yield Path(folder) / "start"


def processes_of(settings: Settings, workers: int, start_file: Path, *, gateway: bool) -> list[Service]:
    """Return the workers, and a gateway if it is wanted; none is started."""
    processes: list[Service] = [
        WorkerProcess(worker_settings(settings, number), start_file) for number in range(1, workers + 1)
    ]
    return [*processes, GatewayProcess(settings, start_file)] if gateway else processes


def prepare_topics(settings: Settings) -> None:
    """Create the missing topics, and check that all match their declarations.

    Raises:
        TopicsError: A topic differs, or Kafka cannot be reached or refuses.
    """
    from streams.topics.admin import create_topics, verify_topics

    create_topics(settings)
    verify_topics(settings)


def runs_elsewhere(kafka: KafkaSettings) -> bool:
    """Return whether Kafka needs no start: it has other hosts, several brokers, TLS or a login, or answers already."""
    if kafka.security_protocol != "PLAINTEXT":
        return True
    host, _, port = kafka.brokers.rpartition(":")
    return host not in {HOST, "localhost"} or answers(int(port))


def worker_settings(settings: Settings, number: int) -> Settings:
    """Return the settings of one of several workers: each has its own instance, the same at every start."""
    instance = settings.application.instance if number == 1 else f"{settings.application.instance}-{number}"
    return override(settings, instance=instance)


def watch(services: Sequence[Watched], broker: Broker | None, printer: EventPrinter) -> None:
    """Keep the processes up until interrupted.

    Raises:
        UpError: A process ended too often.
        BrokerError: The embedded broker ended.
    """
    is_up = False
    while True:
        if broker is not None and not broker.running:
            broker.wait()
        for service in services:
            service.check(time.monotonic())
        if not is_up and all(service.ready for service in services):
            is_up = True
            printer.print_event("up", "playfold is up; Ctrl-C stops it.")
        time.sleep(WATCH_S)


def ignore_interrupts() -> None:
    """Ignore further signals: shutdown is already bounded, and interrupting it would leave processes running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
