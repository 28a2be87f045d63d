"""The guard of unit tests: a test that starts a process or connects to another one fails."""

import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AddressFamily, socket
from typing import Any

import pytest

STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn"})
INTERNET = frozenset({AddressFamily.AF_INET, AddressFamily.AF_INET6})


class UnitGuard:
    """An audit hook that watches while a unit test runs.

    Python has no way to remove an audit hook, so there is one for the whole session.
    """

    def __init__(self) -> None:
        """Install the hook."""
        self._watching = False
        self._violations: list[str] = []
        self._bound: weakref.WeakSet[socket] = weakref.WeakSet()
        sys.addaudithook(self._audit)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Fail the test that runs meanwhile if it left its process, even where it survived the error."""
        outer = self._watching, self._violations
        violations: list[str] = []
        self._watching, self._violations = True, violations
        try:
            yield
        finally:
            self._watching, self._violations = outer
        if violations:
            pytest.fail("\n".join(violations), pytrace=False)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.bind":  # also of servers that a fixture started before this test
            self._bound.add(arguments[0])
        elif not self._watching:
            return
        elif event in STARTS:
            self._refuse(f"{event} {arguments[0]}")
        elif event == "socket.connect" and arguments[0].family in INTERNET and not self._is_own(arguments[1]):
            self._refuse(f"{event} {arguments[1]}")

    def _is_own(self, address: tuple[Any, ...]) -> bool:
        ports = {bound.getsockname()[1] for bound in self._bound if bound.fileno() >= 0 and bound.family in INTERNET}
        return address[1] in ports

    def _refuse(self, violation: str) -> None:
        message = (
            f"A unit test stays within its process, but this one called {violation}: "
            "give it a fake, or mark it with `processes`."
        )
        self._violations.append(message)
        raise PermissionError(message)


GUARD = UnitGuard()
"""The guard of this process."""
