"""The store that the settings name, and its latest generation."""

from pathlib import Path

import pytest

from state.errors import GenerationError
from state.generations.open_store import generation_store, open_latest
from tests.support.settings import settings_with
from tests.support.stores import judged, write_night


@pytest.mark.parametrize(
    ("generation_store_setting", "expected"),
    [("", "data/generations"), ("elsewhere", "elsewhere"), ("/a/b", "/a/b"), ("file:///a/b", "/a/b")],
)
def test_the_settings_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generation_store_setting: str, expected: str
) -> None:
    """The folder is in the data folder by default, and anywhere else if the setting is a path."""
    monkeypatch.chdir(tmp_path)

    store = generation_store(settings_with(data_dir="data", generation_store=generation_store_setting))

    assert store.is_local
    assert tmp_path / expected == store.path
    assert str(tmp_path / expected) == store.location


def test_the_settings_name_a_bucket(tmp_path: Path) -> None:
    """The cache is in the data folder; no request is sent yet."""
    store = generation_store(settings_with(data_dir=str(tmp_path), generation_store="s3://bucket/prefix/"))

    assert not store.is_local
    assert tmp_path / "generations" == store.path
    assert "s3://bucket/prefix" == store.location


def test_the_latest_generation_that_was_not_rejected_is_opened(tmp_path: Path) -> None:
    """A newer one that the gate rejected is skipped."""
    settings = settings_with(data_dir=str(tmp_path))
    store = generation_store(settings)
    for day, accepted in ((1, True), (2, True), (3, False)):
        store.publish(write_night(tmp_path, f"2026-03-0{day}", judged(accepted=accepted)))

    assert "2026-03-02" == open_latest(settings).id


@pytest.mark.parametrize("location", ["{}/generations", "memory://{}"])
def test_an_empty_store_is_an_error(tmp_path: Path, location: str) -> None:
    """The message names the folder or the bucket, and the command that fills it."""
    location = location.format(tmp_path)

    with pytest.raises(GenerationError) as caught:
        open_latest(settings_with(data_dir=str(tmp_path), generation_store=location))

    assert f"There is no generation in {location}: run `playfold retrain` first." == str(caught.value)
