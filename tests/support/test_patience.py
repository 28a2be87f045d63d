"""Bounds of waits on idle and on busy machines."""

import os
import time

import pytest

from tests.support.patience import STRETCH_MAX, stretched
from tests.support.wait import block_until, wait_until


@pytest.mark.parametrize(("load", "factor"), [(0.1, 1.0), (1.0, 1.0), (3.0, 3.0), (100.0, STRETCH_MAX)])
def test_a_bound_grows_with_the_load_of_a_core(monkeypatch: pytest.MonkeyPatch, load: float, factor: float) -> None:
    """Not below its seconds, and not without end."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (4 * load, 0.0, 0.0))

    assert 10.0 * factor == pytest.approx(stretched(10.0))


def test_a_wait_on_a_busy_machine_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error names the bound and the load."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(os, "getloadavg", lambda: (2.0, 0.0, 0.0))
    began = time.monotonic()

    with pytest.raises(AssertionError, match=r"^The condition does not hold within 0\.1 s, under a load of 2\.0\.$"):
        block_until(lambda: False, 0.1)

    assert time.monotonic() - began >= 0.2


async def test_a_condition_that_holds_late_ends_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later than an idle machine would have taken."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(os, "getloadavg", lambda: (8.0, 0.0, 0.0))
    began = time.monotonic()

    await wait_until(lambda: time.monotonic() > began + 0.3, 0.1)

    assert time.monotonic() > began + 0.3
