"""A state of one partition."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from state.users.partition import PartitionState


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PartitionState]:
    """Give an empty state."""
    opened = PartitionState(tmp_path / "0")
    yield opened
    opened.close()
