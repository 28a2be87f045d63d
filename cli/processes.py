"""Child processes of playfold: workers, gateways and other commands."""

import asyncio
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec

from streams.process.child_process import Child
from streams.settings import Settings, environment_of, override

SERVICE_STOP_S = 25
COMMAND_STOP_S = 2
POLL_S = 0.05
TAIL_BYTES = 8192
QUOTED_MAX = 400


class ProcessError(RuntimeError):
    """A process of playfold failed. The message quotes its last line and names its log."""


def with_ready_event(settings: Settings) -> Settings:
    """Return settings under which a process logs its event `<command>_ready`, by which it is known to be ready."""
    return settings if settings.telemetry.log_level == "DEBUG" else override(settings, log_level="INFO")


class Service:
    """A long-running process, such as `playfold worker`, and its log, a file of events as JSON.

    Attributes:
        settings: The settings of the process, with its own `instance`.
        log_file: Its log, under `logs` in the data folder; emptied by this object, and appended to by restarts.
    """

    command: str
    """The command that it runs. Once it is ready it logs the event `<command>_ready`."""

    def __init__(self, settings: Settings, start_file: Path | None = None) -> None:
        """Prepare a process without starting it; with a start file it waits for that file once it runs."""
        self.settings, self._start_file = settings, start_file
        self.log_file = settings.application.data_path / "logs" / f"{self.command}-{settings.application.instance}.log"
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.write_bytes(b"")
        self._began_at = 0
        self._child: Child | None = None

    @property
    def name(self) -> str:
        """Return the name of the process in messages."""
        return f"{self.command.capitalize()} {self.settings.application.instance}"

    @property
    def child(self) -> Child:
        """Return the running process, to signal it.

        Raises:
            ProcessError: It was never started.
        """
        if self._child is None:
            message = f"{self.name} was not started."
            raise ProcessError(message)
        return self._child

    @property
    def running(self) -> bool:
        """Return whether the process was started and has not ended."""
        return self._child is not None and self._child.running

    @property
    def ready(self) -> bool:
        """Return whether the process has logged that it is ready since its last start."""
        return self.first_event(f"{self.command}_ready") is not None

    def start(self) -> None:
        """Start the process, for the first time or again."""
        with self.log_file.open("ab") as log:
            self._began_at = log.tell()
            self._child = self._launch(log)

    def adopt(self, child: Child) -> None:
        """Take a process that was started in place of this object's first one."""
        self._child = child

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of its command."""
        return [self.command, "--json", *(["--start-file", str(self._start_file)] if self._start_file else [])]

    @property
    def environment(self) -> dict[str, str]:
        """Return its environment."""
        return environment_of(with_ready_event(self.settings))

    def _launch(self, log: IO[bytes]) -> Child:
        """Start the process, whose stdout and stderr go to its log."""
        command = [sys.executable, "-m", "cli.main", *self.arguments]
        return Child(command, log, SERVICE_STOP_S, self.environment)

    def events(self) -> list[dict[str, Any]]:
        """Return the events logged since its last start; other lines are left out."""
        with self.log_file.open("rb") as log:
            log.seek(self._began_at)
            events = []
            for line in log:
                try:
                    events.append(msgspec.json.decode(line, type=dict[str, Any]))
                except msgspec.DecodeError:
                    continue
            return events

    def first_event(self, name: str) -> dict[str, Any] | None:
        """Return the first event of a name since the last start, None if there is none."""
        return next((event for event in self.events() if event.get("event") == name), None)

    def await_ready(self, timeout_s: float) -> None:
        """Wait until the process is ready.

        Raises:
            ProcessError: It ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.ready:
            if not self.running:
                raise ProcessError(self.describe_end())
            if time.monotonic() > deadline:
                message = f"{self.name} was not ready within {timeout_s:g} s: read {self.log_file}."
                raise ProcessError(message)
            time.sleep(POLL_S)

    def describe_end(self) -> str:
        """Return its exit status and its last line in a sentence."""
        return f"{self.name} ended with status {self.child.status} ({last_line(self.log_file)}): read {self.log_file}."

    def stop(self) -> None:
        """Stop the process: a worker finishes its commit group and leaves the consumer group."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self.child.kill()


class WorkerProcess(Service):
    """One `playfold worker`."""

    command = "worker"


class GatewayProcess(Service):
    """One `playfold gateway`."""

    command = "gateway"

    @property
    def url(self) -> str:
        """Return its URL.

        Raises:
            ProcessError: It is not ready.
        """
        ready = self.first_event("gateway_ready")
        if ready is None:
            message = f"{self.name} is not ready, so its URL is not known yet."
            raise ProcessError(message)
        return str(ready["url"])


def stop_all(services: Iterable[Service]) -> None:
    """Stop processes, all at the same time."""
    running = [service for service in services if service.running]
    for service in running:
        service.child.begin_stop()
    for service in running:
        service.stop()


async def run_command(settings: Settings, *arguments: str, log_file: Path) -> str:
    """Run another command of playfold to its end; it is stopped with this process, or when this is cancelled.

    Returns:
        The last line of its output.

    Raises:
        ProcessError: It ended with another status than 0.
    """
    with log_file.open("wb") as log:
        command = [sys.executable, "-m", "cli.main", *arguments]
        child = Child(command, log, COMMAND_STOP_S, environment_of(settings))
    try:
        await asyncio.to_thread(child.wait)
    finally:
        child.stop()
    if child.status:
        message = (
            f"`playfold {arguments[0]}` ended with status {child.status} ({last_line(log_file)}): read {log_file}."
        )
        raise ProcessError(message)
    return last_line(log_file, TAIL_BYTES)


def last_line(log_file: Path, length_max: int = QUOTED_MAX) -> str:
    """Return the last line of a log, without its full stop: every error is one sentence."""
    with log_file.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = log.read().decode(errors="replace").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    return written[-1].rstrip(".")[:length_max] if written else "it wrote nothing"
