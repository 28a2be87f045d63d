"""Waits in tests of promises of time."""

import pytest

from tests.support import patience


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no load stretch a wait while a promise is measured."""
    monkeypatch.setattr(patience, "STRETCH_MAX", 1.0)
