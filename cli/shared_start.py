"""The first start of several services: they are forked from one process that has their imports, and that ends then.

The imports and the kernels then take their time and their memory once: Linux copies a page only when a process writes
to it. This program is that process. It has one thread, and neither a client of Kafka nor a store.
"""

import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cli.adopted_child import AdoptedChild, adopt_orphans
from cli.forked_command import be_command, show_arguments
from cli.processes import SERVICE_STOP_S, Service
from cli.threads import pin_threads
from streams.settings import environment_of, read_settings

SHARED = (
    "agents.worker", "cli.commands.gateway", "cli.commands.worker", "cli.topic_operations", "streams.topics.admin",
    "streams.topics.process_rights", "uvloop", "web.gateway",
)  # fmt: skip
"""The imports of workers and gateways when they run."""
PROGRAM = "cli.shared_start"
GUARD = Path(__file__).with_name("guard.sh")
ROOM = "services" + " " * 200
"""An argument that leaves room for those of the services, which `ps` shows."""
FORKED_S = 600.0
"""Longest time of the imports and of kernels that have to be compiled; the services are started one by one after it."""


class Wanted(msgspec.Struct, frozen=True):
    """A service to fork."""

    arguments: list[str]
    environment: dict[str, str]
    log_file: str
    alive: int
    """A pipe that closes when the process that wants the service dies."""


class Forked(msgspec.Struct, frozen=True):
    """A service that runs."""

    pid: int
    guard: int


class SharedStart:
    """Services that begin to start."""

    def __init__(self, services: Sequence[Service]) -> None:
        """Start the process from which they will be forked; it begins with the imports."""
        self._services = services
        pipes = [os.pipe() for _ in services]
        self._alive, self._inherited = [write for _, write in pipes], [read for read, _ in pipes]
        with services[0].log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, ROOM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment_of(services[0].settings),
                pass_fds=self._inherited,
                start_new_session=True,
            )

    def finish(self) -> None:
        """Give every service its process; a service without one is started when it is watched."""
        adopt_orphans(adopts=True)
        forked = self._fork()
        adopt_orphans(adopts=False)
        for service, process in zip(self._services, forked, strict=False):
            service.adopt(AdoptedChild(process.pid, process.guard, self._alive.pop(0), SERVICE_STOP_S))
        self._close()

    def give_up(self) -> None:
        """End the process of the imports unless it has forked the services."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
        self._close()

    def _fork(self) -> list[Forked]:
        """Return the services that run; none if a fork failed, and then the guards end the others."""
        wanted = [
            Wanted(service.arguments, service.environment, str(service.log_file), alive)
            for service, alive in zip(self._services, self._inherited, strict=True)
        ]
        try:
            printed, _ = self._process.communicate(msgspec.json.encode(wanted), FORKED_S)
        except subprocess.TimeoutExpired:
            self.give_up()
            return []
        if self._process.returncode:
            return []
        return msgspec.json.decode(printed.splitlines()[-1], type=list[Forked])  # an import may print, too

    def _close(self) -> None:
        """Close the pipes, except those of services that run: their guards end a service whose pipe is closed."""
        for pipe in (*self._alive, *self._inherited):
            os.close(pipe)
        self._alive, self._inherited = [], []


@contextmanager
def shared_start(services: Sequence[Service]) -> Iterator[SharedStart | None]:
    """Start services together; a single one, and those of another system than Linux, one by one."""
    if sys.platform != "linux" or len(services) < 2:  # noqa: PLR2004  two share
        for service in services:
            service.start()
        yield None
        return
    started = SharedStart(services)
    try:
        yield started
    finally:
        started.give_up()


def main() -> None:
    """Import, read which services are wanted, fork them, print their processes and end."""
    load_shared()
    if threading.active_count() > 1 or len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit("A thread runs before the fork, so the services are started one by one.")
    text = sys.stdin.buffer.read()
    if not text:
        return  # the process that wanted services has ended
    wanted = msgspec.json.decode(text, type=list[Wanted])
    print(msgspec.json.encode(_fork_all(wanted)).decode(), flush=True)  # noqa: T201
    os._exit(0)  # no wait for the services


def load_shared() -> None:
    """Import the code that the services share, and load the kernels of the model."""
    pin_threads(read_settings().retraining.threads)
    for name in SHARED:
        importlib.import_module(name)
    importlib.import_module("model.warm_up").warm_up()
    gc.collect()
    gc.freeze()  # a collection would write to every object, and so copy its page


def _fork_all(wanted: Sequence[Wanted]) -> list[Forked]:
    """Fork every service; if one cannot be forked, none is left, since all will be started one by one."""
    forked: list[Forked] = []
    try:
        for service in wanted:
            forked.append(_fork(service, wanted))  # noqa: PERF401  those before an error are ended
    except OSError as error:
        for process in forked:
            os.kill(process.pid, signal.SIGKILL)  # it waits for its start file, so it has begun nothing
        sys.exit(f"A service could not be forked ({error}), so the services are started one by one.")
    return forked


def _fork(service: Wanted, wanted: Sequence[Wanted]) -> Forked:
    process = multiprocessing.get_context("fork").Process(target=_be_service, args=(service, wanted))
    process.start()
    pid = process.pid or 0
    guard = subprocess.Popen(
        ["sh", str(GUARD), str(pid), str(SERVICE_STOP_S)],
        stdin=service.alive,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Forked(pid, guard.pid)


def _be_service(service: Wanted, wanted: Sequence[Wanted]) -> None:
    for other in wanted:
        os.close(other.alive)
    show_arguments([sys.executable, "-m", "cli.main", *service.arguments])
    log_file = Path(service.log_file)
    main = importlib.import_module("cli.main").main
    be_command(main, service.arguments, service.environment, (log_file, log_file))


if __name__ == "__main__":
    main()
