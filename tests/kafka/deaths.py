"""A run of a job that dies at one of its durable writes, in the process of the test."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from streams.outbox import Outbox


class DiedError(RuntimeError):
    """The run died here."""


class Deaths:
    """Counts the durable writes of a run, and raises in place of one of them.

    A death after a write is one before the next: nothing else is durable in between.

    Attributes:
        n: The writes so far.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Count what an outbox sends, and the offsets that these modules commit."""
        self.n, self._at = 0, 0
        for name in ("send", "send_headed"):
            monkeypatch.setattr(Outbox, name, self._dying(getattr(Outbox, name)))
        for module in modules:
            monkeypatch.setattr(module, "commit_offsets", self._dying(module.commit_offsets))

    def at(self, number: int) -> None:
        """Die in place of a write, counted from 1; 0: live."""
        self.n, self._at = 0, number

    def _dying(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*arguments: Any) -> Any:
            self.n += 1
            if self.n == self._at:
                raise DiedError
            return await write(*arguments)

        return counted
