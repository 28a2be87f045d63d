"""Topics that a guard watches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.plays.guarded_topics import Scene


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Give the guard of a partition, with a cluster in memory."""
    made = Scene(tmp_path, monkeypatch)
    yield made
    made.state.close()
