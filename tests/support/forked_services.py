"""Workers and gateways of tests, forked from a process that has their imports.

The imports are most of the computing of a start. Tests in `tests/acceptance` start all of their processes, some with
`playfold up` or `playfold demo`, and those in `tests/latency` do so, too (`tests/acceptance/started.py`).
"""

import signal
import subprocess
from pathlib import Path
from typing import IO

from cli.adopted_child import signal_session
from cli.processes import SERVICE_STOP_S, GatewayProcess, Service, WorkerProcess, with_ready_event
from streams.process.child_process import Child
from streams.settings import Settings, environment_of
from tests.support.forked import CONTEXT, be_command


class ForkedChild(Child):
    """A process that is forked, with the interface of one that is started; no shell is between it and the test."""

    def __init__(self, settings: Settings, command: str, log_file: Path, stop_s: int) -> None:
        """Fork a command of playfold, which appends to a log."""
        self._stop_s = stop_s
        arguments = (command, "--json"), environment_of(settings), Path.cwd(), (log_file, log_file)
        self._process = CONTEXT.Process(target=be_command, args=arguments, daemon=True)
        self._process.start()

    @property
    def running(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.exitcode is None

    @property
    def status(self) -> int | None:
        """Return the exit status, 128 and more after a signal as a shell does; None while the process runs."""
        code = self._process.exitcode
        return 128 - code if code is not None and code < 0 else code

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the process and return its exit status.

        Raises:
            subprocess.TimeoutExpired: The process still runs after `timeout_s` seconds.
        """
        self._process.join(timeout_s)
        status = self.status
        if status is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout_s or 0)
        return status

    def begin_stop(self) -> None:
        """Send SIGTERM without waiting."""
        if self.running:
            self._process.terminate()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it started."""
        if self.running:
            signal_session(self._pid, number)

    @property
    def _pid(self) -> int:
        """Return the number of the process."""
        assert self._process.pid is not None
        return self._process.pid


class _Forked(Service):
    """A service whose process is forked."""

    def _launch(self, log: IO[bytes]) -> Child:  # noqa: ARG002  it opens its log itself
        return ForkedChild(with_ready_event(self.settings), self.command, self.log_file, SERVICE_STOP_S)


class ForkedWorker(_Forked, WorkerProcess):
    """One `playfold worker`."""


class ForkedGateway(_Forked, GatewayProcess):
    """One `playfold gateway`."""
