"""A folder for tests of imports."""

from pathlib import Path

import pytest

from tests.kafka.replays_of_exports import PROJECT


@pytest.fixture
def import_folder(tmp_path: Path) -> Path:
    """Give a test a working folder with the samples where the page has them."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "examples").symlink_to(PROJECT / "examples")
    return work
