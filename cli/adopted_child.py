"""A child process that another process has forked, and left to this one."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress

from streams.process.child_process import Child

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.01


def adopt_orphans(*, adopts: bool) -> None:
    """Become the parent of processes below this one whose own parent ends, or no longer. Linux has this call."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopts), 0, 0, 0)


def signal_session(pid: int, number: signal.Signals) -> None:
    """Send a signal to a forked process and to all that it started, or to it alone before it has a session."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        os.kill(pid, number)


class AdoptedChild(Child):
    """A process with the interface of one that is started; a guard ends it when this process dies."""

    def __init__(self, pid: int, guard: int, alive: int, stop_s: int) -> None:
        """Adopt a process.

        Args:
            pid: The number of the process.
            guard: That of its guard, `guard.sh`.
            alive: The pipe whose other end the guard reads; this process alone holds this end.
            stop_s: Seconds between SIGTERM and SIGKILL.
        """
        self._pid, self._guard, self._alive, self._stop_s = pid, guard, alive, stop_s
        self._code: int | None = None
        self._waiting = threading.Lock()
        """A process can be waited for once, and `playfold demo` asks from several threads."""

    @property
    def running(self) -> bool:
        """Return whether the process has not ended."""
        return self.status is None

    @property
    def status(self) -> int | None:
        """Return the exit status, 128 and more after a signal as a shell does; None while the process runs."""
        with self._waiting:
            if self._code is None:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
                if ended:
                    code = os.waitstatus_to_exitcode(status)
                    self._code = 128 - code if code < 0 else code
                    self._dismiss_guard()
            return self._code

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the process and return its exit status.

        Raises:
            subprocess.TimeoutExpired: The process still runs after `timeout_s` seconds.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self._pid), timeout_s or 0)
            time.sleep(POLL_S)
        return status

    def begin_stop(self) -> None:
        """Send SIGTERM without waiting."""
        if self.running:
            os.kill(self._pid, signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it started."""
        if self.running:
            signal_session(self._pid, number)

    def _dismiss_guard(self) -> None:
        """Tell the guard that the process has ended."""
        with suppress(BrokenPipeError):
            os.write(self._alive, b"\n")
        os.close(self._alive)
        os.waitpid(self._guard, 0)
