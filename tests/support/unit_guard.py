"""The guard of unit tests: a test that starts a process or connects to another one fails.

It replaces functions. An audit hook of Python would be simpler, but with one, threads that begin at once under coverage
end with "Cannot install a trace function while another trace function is being installed" (CPython 3.11).
"""

import os
import socket
import subprocess
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from socket import AddressFamily
from typing import Any

import pytest

STARTS = ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve")
"""Functions of `os` that start a process, or become another one."""
INTERNET = frozenset({AddressFamily.AF_INET, AddressFamily.AF_INET6})


class UnitGuard:
    """Functions of the standard library that are watched while a unit test runs."""

    def __init__(self) -> None:
        """Replace the functions for the whole session."""
        self._watching = False
        self._violations: list[str] = []
        self._bound: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        for name in STARTS:
            self._watch_call(os, name, lambda first, *_, name=name: f"os.{name} {first}")
        self._watch_call(subprocess.Popen, "__init__", _program)
        for name in ("connect", "connect_ex"):
            self._watch_call(socket.socket, name, self._connection)
        self._watch_call(socket.socket, "bind", self._binding)

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

    def _watch_call(self, owner: Any, name: str, violation_of: Callable[..., str]) -> None:
        """Replace a function by one that asks first which violation the call is; an empty text is none."""
        function = getattr(owner, name)

        @wraps(function)
        def watched(*arguments: Any, **options: Any) -> Any:
            violation = violation_of(*(arguments or ("",)))
            if violation and self._watching:
                self._refuse(violation)
            return function(*arguments, **options)

        setattr(owner, name, watched)

    def _binding(self, bound: socket.socket, *_: Any) -> str:
        """Remember a server, also one that a fixture started before this test."""
        self._bound.add(bound)
        return ""

    def _connection(self, connecting: socket.socket, address: Any, *_: Any) -> str:
        """Return the violation of a connection to another process."""
        is_outside = connecting.family in INTERNET and not self._is_own(address)
        return f"socket.connect {address}" if is_outside else ""

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


def _program(_: Any, command: Any = "", *__: Any) -> str:
    """Return the violation of a program that is started."""
    program: Any = command if isinstance(command, str | bytes | os.PathLike) else command[0]
    return f"subprocess.Popen {program}"


GUARD = UnitGuard()
"""The guard of this process."""
