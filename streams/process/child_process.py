"""A child process that ends with its parent, even if the parent is killed."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

RUNNER = Path(__file__).parents[1] / "kafka" / "run.sh"
# Seconds that the shell needs to end the process, in addition to `stop_s`.
SHELL_S = 2


class Child:
    """A running process under a shell that ends it when its standard input closes.

    The kernel closes it when this process dies, even by SIGKILL. The process has its own session, so Ctrl-C in a
    terminal reaches only this process, which decides about its child.
    """

    def __init__(
        self, command: Sequence[str], output: IO[bytes], stop_s: int, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the process.

        Args:
            command: The program and its arguments.
            output: The file of its stdout and stderr.
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
        """Return whether the process has not ended."""
        return self._shell.poll() is None

    @property
    def status(self) -> int | None:
        """Return the exit status, 128 or more after a signal; None while the process runs."""
        return self._shell.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the process and return its exit status.

        Raises:
            subprocess.TimeoutExpired: The process still runs after `timeout_s` seconds.
        """
        return self._shell.wait(timeout_s)

    def begin_stop(self) -> None:
        """Send SIGTERM without waiting, so that several processes can stop at the same time; `stop` waits."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            # A line ends the shell's wait even if a fork of this process holds the pipe open.
            with suppress(OSError):
                self._shell.stdin.write(b"\n")
                self._shell.stdin.flush()
            with suppress(OSError):
                self._shell.stdin.close()

    def stop(self) -> None:
        """Stop the process: SIGTERM, and SIGKILL after `stop_s` seconds."""
        self.begin_stop()
        try:
            self.wait(self._stop_s + SHELL_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once with SIGKILL."""
        self.send_signal(signal.SIGKILL)
        self.wait()
        self.begin_stop()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP, to the process and to its shell."""
        if self.running:
            os.killpg(self._shell.pid, number)
