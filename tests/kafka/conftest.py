"""A folder and a worker for tests of imports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.replays_of_exports import PROJECT
from tests.support.topics import worker


@pytest.fixture
def import_folder(tmp_path: Path) -> Path:
    """Give a test a working folder with the samples where the page has them."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "examples").symlink_to(PROJECT / "examples")
    return work


@pytest.fixture
def short_histories(settings: Settings, names: TopicNames) -> Iterator[Settings]:
    """Run a worker whose histories are full after 100 signals."""
    assert names.plays
    changed = override(settings, history_max=100)
    with worker(changed):
        yield changed
