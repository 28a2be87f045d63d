"""The start file of a process that is started before Kafka is."""

import threading
import time
from pathlib import Path

import pytest

from cli.start_file import StartFileError, await_start


def test_a_process_without_a_start_file_begins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started by hand, and never sleeps."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    await_start(None, timeout_s=0.0)

    assert [] == slept


def test_a_process_begins_once_its_file_exists(tmp_path: Path) -> None:
    """It waits until then."""
    file = tmp_path / "start"
    waiting = threading.Thread(target=await_start, args=(file, 30.0), daemon=True)
    waiting.start()

    waiting.join(0.1)
    assert waiting.is_alive()

    file.touch()
    waiting.join(30.0)
    assert not waiting.is_alive()


def test_a_file_that_does_not_appear_is_a_sentence(tmp_path: Path) -> None:
    """It names the file, the time and the two ways out."""
    file = tmp_path / "start"

    with pytest.raises(StartFileError) as caught:
        await_start(file, timeout_s=0.0)

    expected = (
        f"Start file {file} did not appear within 0 s, so Kafka or its topics are not ready: "
        f"read the output of the process that creates it, or start without --start-file."
    )
    assert expected == str(caught.value)
