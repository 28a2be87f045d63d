"""Plays and settings that commands run on."""

from pathlib import Path

import pytest

from streams.settings import Settings
from tests.cli.plays_of_tastes import read_by_commands, write_plays
from tests.support.settings import settings_with


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings of a data folder of its own, without a Kafka."""
    return read_by_commands(settings_with(data_dir=str(tmp_path / "var")), monkeypatch)


@pytest.fixture
def plays(tmp_path: Path) -> Path:
    """Write a file of plays, with columns of other names."""
    return write_plays(tmp_path / "plays.csv")
