"""A process that lives no longer than the one that started it, however that one ends."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

RUNNER = Path(__file__).parents[1] / "kafka" / "run.sh"
# What the shell around the process takes to end it, on top of the seconds that it gives it.
SHELL_S = 2


class Child:
    """A running process under a shell that ends it when its standard input closes.

    The kernel closes it when this process dies, be it by SIGKILL. The session is an own one: Ctrl-C in a terminal
    reaches this process alone, which then decides.
    """

    def __init__(
        self, command: Sequence[str], output: IO[bytes], stop_s: int, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            output: Takes what it writes to stdout and stderr.
            stop_s: Seconds between SIGTERM and SIGKILL.
            environment: Its environment; that of this process if left out.
        """
        self._stop_s = stop_s
        self._shell = subprocess.Popen(
            ["sh", str(RUNNER), str(stop_s), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Return whether it has not ended."""
        return self._shell.poll() is None

    @property
    def status(self) -> int | None:
        """Return its exit status, 128 and more after a signal; None while it runs."""
        return self._shell.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it ends and return its exit status.

        Raises:
            subprocess.TimeoutExpired: It runs on after `timeout_s` seconds.
        """
        return self._shell.wait(timeout_s)

    def begin_stop(self) -> None:
        """Have it told to stop; `stop` then waits for it. So several stop at the same time."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            # A line says the same as closing, and says it even while a fork of this process holds the pipe too.
            with suppress(OSError):
                self._shell.stdin.write(b"\n")
                self._shell.stdin.flush()
            with suppress(OSError):
                self._shell.stdin.close()

    def stop(self) -> None:
        """Stop it: SIGTERM, and SIGKILL when its seconds are over."""
        self.begin_stop()
        try:
            self.wait(self._stop_s + SHELL_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once with SIGKILL."""
        self.send_signal(signal.SIGKILL)
        self.wait()
        self.begin_stop()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to the shell around it, such as SIGSTOP to freeze it."""
        if self.running:
            os.killpg(self._shell.pid, number)
