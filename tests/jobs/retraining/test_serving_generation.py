"""The generation in service at the start of a run."""

from pathlib import Path

import pytest

from jobs.progress import JobProgress
from jobs.retraining.serving_generation import ServingGeneration, ServingRecord, open_serving
from state.errors import StoreUnavailableError
from tests.support.generations import FIRST_ID, make_generation
from tests.support.settings import settings_with


@pytest.fixture
def notes() -> list[JobProgress]:
    """Collect notes."""
    return []


@pytest.mark.parametrize("generation_id", [None, FIRST_ID])
def test_a_record_comes_back_from_the_disk(tmp_path: Path, generation_id: str | None) -> None:
    """Also the record that no generation was announced."""
    record = ServingRecord(generation_id=generation_id)

    record.save(tmp_path)

    assert record == ServingRecord.load(tmp_path)


def test_the_generation_is_opened(tmp_path: Path, notes: list[JobProgress]) -> None:
    """An intact one needs no note."""
    settings = settings_with(data_dir=str(tmp_path))
    make_generation(settings.application.generations_path)

    serving = open_serving(FIRST_ID, settings, notes.append)

    assert serving.generation is not None
    assert FIRST_ID == serving.generation.id
    assert [] == notes


def test_before_the_first_announcement_there_is_none(tmp_path: Path, notes: list[JobProgress]) -> None:
    """The store is not even opened."""
    settings = settings_with(data_dir=str(tmp_path), generation_store="no-such://store")

    assert ServingGeneration(None, None) == open_serving(None, settings, notes.append)


def test_a_damaged_generation_is_a_note(tmp_path: Path, notes: list[JobProgress]) -> None:
    """The run goes on without it, because its result replaces it."""
    settings = settings_with(data_dir=str(tmp_path))
    make_generation(settings.application.generations_path)
    (settings.application.generations_path / FIRST_ID / "item_keys.npy").write_bytes(b"")

    assert ServingGeneration(FIRST_ID, None) == open_serving(FIRST_ID, settings, notes.append)

    expected = (
        f"Generation {FIRST_ID} is damaged: item_keys.npy does not match its checksum. "
        "It is in service, but no training can begin with it, and the gate cannot compare with it."
    )
    assert [JobProgress(expected, is_note=True)] == notes


def test_a_store_that_does_not_answer_ends_the_run(tmp_path: Path, notes: list[JobProgress]) -> None:
    """The generation may be intact, so the next process retries."""
    settings = settings_with(data_dir=str(tmp_path), generation_store="no-such://store")

    with pytest.raises(StoreUnavailableError):
        open_serving(FIRST_ID, settings, notes.append)
