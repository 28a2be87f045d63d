"""The folder of a run: finished steps stay, and an unfinished step leaves nothing."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from jobs.progress import no_progress
from jobs.retraining import run as runs
from jobs.retraining.run import open_run
from state.errors import StateError, StoreUnavailableError
from streams.settings import Settings
from tests.jobs.retraining.retraining_runs import Heard, folders, interrupted, write
from tests.support.settings import settings_with

PROJECT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys
from jobs.retraining.run import open_run
from jobs.progress import no_progress
from streams.settings import Settings, override
with open_run(override(Settings(), data_dir=sys.argv[1], generations_max=2), no_progress) as run:
    with run.writing("snapshot") as folder:
        pass
    with run.writing("train") as folder:
        (folder / "half").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give a test a data folder of its own."""
    return settings_with(data_dir=str(tmp_path), generations_max=2)


def test_a_step_is_done_when_its_folder_is_there(settings: Settings) -> None:
    """Whole, under its own name, with the seconds it took; before that nobody sees it."""
    with open_run(settings, no_progress) as run:
        with run.writing("snapshot") as folder:
            (folder / "file").write_text("x")
            assert [] == run.done()
            assert not run.path("snapshot").exists()

        assert ["snapshot"] == run.done()
        assert "x" == (run.path("snapshot") / "file").read_text()
        assert ["snapshot"] == list(run.seconds())


def test_a_failed_step_leaves_nothing(settings: Settings) -> None:
    """The next attempt does not see its files."""
    with open_run(settings, no_progress) as run:
        with suppress(InterruptedError), run.writing("snapshot") as folder:
            (folder / "left over").write_text("x")
            raise InterruptedError
        assert [] == run.done()

        write(run, "snapshot")
        assert not (run.path("snapshot") / "left over").exists()


@pytest.mark.processes
def test_a_run_that_was_killed_is_resumed(settings: Settings) -> None:
    """It makes the same generation with its finished steps, and a note reports it."""
    heard = Heard()
    killed = subprocess.run([sys.executable, "-c", KILLED, settings.application.data_dir], cwd=PROJECT, check=False)
    assert -signal.SIGKILL == killed.returncode

    with open_run(settings, heard) as run:
        assert run.resumed
        assert ["snapshot"] == run.done()
        write(run, "train")
        assert not (run.path("train") / "half").exists()
    assert [f"Resuming the run of generation {run.generation_id}; done: snapshot."] == heard.notes


@pytest.mark.parametrize("error", [ConnectionError, StoreUnavailableError, KeyboardInterrupt])
def test_a_run_is_kept_after_an_error_of_a_service(settings: Settings, error: type[BaseException]) -> None:
    """The next attempt does not repeat the finished steps."""
    run = interrupted(settings, error)

    with open_run(settings, no_progress) as again:
        assert run.generation_id == again.generation_id
        assert ["snapshot"] == again.done()


@pytest.mark.parametrize("error", [ValueError, ArithmeticError])
def test_a_run_is_discarded_after_an_error_of_its_input(settings: Settings, error: type[BaseException]) -> None:
    """Resumed, it would fail again on the same input."""
    interrupted(settings, error)

    with open_run(settings, no_progress) as again:
        assert not again.resumed
        assert [] == again.done()


def test_an_old_run_is_not_resumed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night does not train on the histories that an earlier night read."""
    interrupted(settings)
    heard = Heard()
    monkeypatch.setattr(runs, "RESUMABLE_S", -1)

    with open_run(settings, heard) as run:
        assert not run.resumed
    assert heard.notes[0].endswith("is discarded: it began 0 hours ago.")


def test_of_several_unfinished_runs_the_newest_is_resumed(settings: Settings) -> None:
    """The others go, and so does a folder whose run never began."""
    newest = interrupted(settings).generation_id
    (settings.application.nights_path / "2026-01-01T03-00-00.000Z").mkdir()
    (settings.application.nights_path / ".2026-01-01T03-00-00.001Z.aside").mkdir()

    with open_run(settings, no_progress) as run:
        assert newest == run.generation_id
    assert [newest] == folders(settings)


def test_a_second_run_at_once_is_an_error(settings: Settings) -> None:
    """The message names the generation of the first one."""
    with (
        open_run(settings, no_progress) as run,
        pytest.raises(StateError) as caught,
        open_run(settings, no_progress),
    ):
        pass

    nights = settings.application.nights_path
    expected = f"Another run makes generation {run.generation_id} in {nights}: wait for it, or stop it."
    assert expected == str(caught.value)


def test_only_the_reports_of_a_finished_run_stay(settings: Settings) -> None:
    """As many runs are kept as generations."""
    ids = []
    for number in range(4):
        with open_run(settings, no_progress) as run:
            assert not run.resumed
            write(run, "snapshot")
            run.finish(b"%d" % number)
            ids.append(run.generation_id)

    assert ids[-2:] == folders(settings)
    left = {path.name for folder in ids[-2:] for path in (settings.application.nights_path / folder).iterdir()}
    assert {"run.json", "report.json"} == left
    assert b"3" == (settings.application.nights_path / ids[-1] / "report.json").read_bytes()


def test_the_next_run_finishes_the_removal_of_a_finished_one(settings: Settings) -> None:
    """After a crash in `finish` no history stays."""
    with open_run(settings, no_progress) as run:
        write(run, "snapshot")
        (run.path("snapshot").parent / "report.json").write_text("{}")

    with open_run(settings, no_progress) as other:
        assert not other.resumed
        assert not run.path("snapshot").exists()
