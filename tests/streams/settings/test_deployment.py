"""Folders of the application."""

from pathlib import Path

from tests.support.settings import settings_with


def test_folders_stand_under_the_data_folder(tmp_path: Path) -> None:
    """Each worker has one of its own, absolute, wherever the process is started."""
    settings = settings_with(data_dir=str(tmp_path), group="g", instance="b")

    assert tmp_path / "workers" / "g" / "b" == settings.application.worker_path
    assert tmp_path / "broker" == settings.application.broker_path
    assert tmp_path / "generations" == settings.application.generations_path
    assert settings_with(data_dir="var").application.data_path == Path.cwd() / "var"
