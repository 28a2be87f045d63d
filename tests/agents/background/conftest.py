"""A partition to sweep."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.background.sweep_scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a partition that nobody swept yet."""
    prepared = Scene(tmp_path)
    yield prepared
    prepared.state.close()
