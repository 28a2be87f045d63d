"""A run of a job that dies at one of its durable writes, in the process of the test."""

# ruff: noqa: SLF001  a death reaches into the producer of an outbox

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from streams.outbox import Outbox


class DiedError(RuntimeError):
    """The run died here."""


class Deaths:
    """Counts the durable writes of a run, and raises in place of one of them.

    A death after a write is one before the next: nothing else is durable in between. Records that an outbox has not
    sent yet die with it, as those of a killed process do.

    Attributes:
        n: The writes so far.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Count the records that an outbox sends, and the offsets and folders that these modules commit and remove."""
        self.n, self._at = 0, 0
        for name in ("send", "send_headed"):
            monkeypatch.setattr(Outbox, name, self._dying(getattr(Outbox, name)))
        monkeypatch.setattr(Outbox, "stop", self._stopping(Outbox.stop))
        for module in modules:
            monkeypatch.setattr(module, "commit_offsets", self._dying(module.commit_offsets))
            if hasattr(module, "remove_folder"):
                monkeypatch.setattr(module, "remove_folder", self._removing(module.remove_folder))

    def at(self, number: int) -> None:
        """Die in place of a write, counted from 1; 0: live."""
        self.n, self._at = 0, number

    def _count(self) -> None:
        """Count a write.

        Raises:
            DiedError: The run dies in place of this one.
        """
        self.n += 1
        if self.n == self._at:
            raise DiedError

    def _dying(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*arguments: Any) -> Any:
            self._count()
            return await write(*arguments)

        return counted

    def _removing(self, remove: Callable[[Path], None]) -> Callable[[Path], None]:
        def counted(folder: Path) -> None:
            self._count()
            remove(folder)

        return counted

    def _stopping(self, stop: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def stopped(outbox: Outbox, patience_s: float | None = None) -> None:
            if self._at and self.n >= self._at and outbox._producer is not None:
                # A cancelled sender takes no more batches; requests that are on their way may arrive.
                outbox._producer._sender.sender_task.cancel()
            await stop(outbox, patience_s)

        return stopped
