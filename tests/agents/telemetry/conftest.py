"""Metrics that are served."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.telemetry.metrics_scene import Scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the parts of a worker, with their metrics served."""
    prepared = Scene(tmp_path)
    prepared.server.start()
    yield prepared
    await prepared.server.stop()
    await prepared.store.on_stop()
