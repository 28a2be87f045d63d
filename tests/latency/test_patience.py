"""The waits of this folder."""

import os

import pytest

from tests.support.patience import stretched


def test_no_load_stretches_a_wait_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise of time is the same on a busy machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(os, "getloadavg", lambda: (100.0, 0.0, 0.0))

    assert 10.0 == stretched(10.0)
