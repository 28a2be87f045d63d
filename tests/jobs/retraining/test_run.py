"""The folder of a run: finished steps stay, and an unfinished step leaves nothing."""

import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.retraining import run as runs
from jobs.retraining.run import Run, open_run
from state.errors import StateError, StoreUnavailableError
from streams.settings import Secret, Settings, flat_values, override
from streams.settings.deciding import DECIDING
from tests.support.settings import settings_with

TOKEN = "correct-horse-battery-staple"  # noqa: S105  a made-up one
OTHER_VALUES: dict[str, Any] = {
    "brokers": "kafka:9092",
    "partitions": 5,
    "topic_prefix": "other.",
    "event_weights": "play=1",
    "completion": "ignore",
    "skip_below": 0.5,
    "user_signals_per_day_max": 5,
    "user_days_max": 5,
    "item_weight_max": 5.0,
    "history_max": 5,
    "rule": "hkv",
    "factors": 5,
    "regularization": 5.0,
    "unobserved_weight": 5.0,
    "alpha": 7.0,
    "iterations": 5,
    "window_plays": 6,
    "half_life_plays": 6.0,
    "half_life_days": 5.0,
    "growth": "log",
    "hyperparameters": "tuned",
    "tune_s": 5.0,
    "warm_iterations": 6,
    "active_plays_min": 5,
    "active_days": 5.0,
    "gate_share": 0.5,
    "popular_half_life_days": 5.0,
    "generation_store": "elsewhere",
    "index_trees": 5,
    "related_n": 5,
}
"""Another value than the default of every deciding setting, the group left out."""

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


class Heard:
    """Collects the notes of a run."""

    def __init__(self) -> None:
        """Begin with none."""
        self.notes: list[str] = []

    def __call__(self, step: JobProgress) -> None:
        """Hear a step."""
        if step.is_note:
            self.notes.append(step.name)


def write(run: Run, step: str, content: str = "histories") -> None:
    """Write a step with one file, in a folder of its own."""
    with run.writing(step) as folder:
        (folder / "part").mkdir()
        (folder / "part" / "file").write_text(content)


def interrupted(
    settings: Settings,
    error: type[BaseException] = InterruptedError,
    on_progress: ProgressCallback = no_progress,
    *,
    forced: bool = False,
    fresh: bool = False,
) -> Run:
    """Begin or resume a run that an error ends after its first step."""
    with suppress(error), open_run(settings, on_progress, forced=forced, fresh=fresh) as run:
        if not run.done():
            write(run, "snapshot")
        raise error
    return run


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


def test_other_settings_begin_a_new_run(settings: Settings) -> None:
    """With the line that names the first that differs; those without effect on a generation do not count."""
    generation_id = interrupted(settings).generation_id
    heard = Heard()

    with open_run(override(settings, threads=1, kafka_timeout_s=1.0), heard) as run:
        assert run.resumed
    with open_run(override(settings, alpha=7.0), heard) as run:
        assert not run.resumed
        assert [] == run.done()

    discarded = f"The unfinished run of generation {generation_id} is discarded: "
    assert f"{discarded}it began with alpha=1.0, which is now 7.0." == heard.notes[-1]
    assert [run.generation_id] == folders(settings)


def test_a_forced_run_does_not_resume_another(settings: Settings) -> None:
    """Nor one whose fresh start is asked for, nor one that nobody can read."""
    heard = Heard()
    for forced, fresh in [(True, False), (False, True)]:
        generation_id = interrupted(settings).generation_id
        run = interrupted(settings, on_progress=heard, forced=forced, fresh=fresh)
        assert not run.resumed
        assert generation_id not in folders(settings)
    (settings.application.nights_path / run.generation_id / runs.RECORD).write_text("{")
    with open_run(settings, heard) as run:
        assert not run.resumed

    reasons = [note.partition(" is discarded: ")[2] for note in heard.notes]
    forced_now = "it began with force=False, which is now True."
    assert [forced_now, "a fresh one is asked for.", "its run.json cannot be read."] == reasons


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


def folders(settings: Settings) -> list[str]:
    """Return the names in the folder of runs, without the lock."""
    return sorted(path.name for path in settings.application.nights_path.iterdir() if path.name != "lock")


@pytest.mark.parametrize("name", sorted(DECIDING - {"group"}))
def test_another_value_of_a_deciding_setting_discards_the_run(settings: Settings, name: str) -> None:
    """The note quotes both values. A group has a folder of its own, so its runs are never compared."""
    interrupted(settings)
    heard = Heard()
    was, now = flat_values(settings)[name], OTHER_VALUES[name]

    with open_run(override(settings, **{name: now}), heard) as run:
        assert not run.resumed

    assert heard.notes[-1].endswith(f"is discarded: it began with {name}={was}, which is now {now}.")


@pytest.mark.parametrize(
    "others", [{"gateway_port": 1}, {"gateway_token": Secret(TOKEN)}, {"metrics_host": "::1"}, {"gateway_hosts": "*"}]
)
def test_a_setting_that_decides_nothing_keeps_the_run(settings: Settings, others: dict[str, Any]) -> None:
    """An operator may change the gateway and then finish the unfinished run."""
    interrupted(settings)

    with open_run(override(settings, **others), no_progress) as run:
        assert run.resumed


def test_the_record_names_the_deciding_settings_only(settings: Settings) -> None:
    """The token of the gateway is not among them, and only the owner may read the file."""
    run = interrupted(override(settings, gateway_token=Secret(TOKEN)))
    file = settings.application.nights_path / run.generation_id / runs.RECORD

    decided_by = msgspec.json.decode(file.read_bytes())["decided_by"]
    assert DECIDING | {"force"} == set(decided_by)
    assert TOKEN not in file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("finished", [False, True])
def test_a_token_that_an_earlier_version_recorded_is_removed(settings: Settings, *, finished: bool) -> None:
    """Names that decide nothing are removed from unfinished and finished runs; an unfinished one is resumed."""
    run = interrupted(settings)
    folder = settings.application.nights_path / run.generation_id
    file = folder / runs.RECORD
    record = msgspec.json.decode(file.read_bytes())
    record["decided_by"] |= {"gateway_token": TOKEN, "gateway_port": "8080"}
    file.write_bytes(msgspec.json.encode(record))
    file.chmod(0o644)
    if finished:
        (folder / runs.REPORT).write_text("{}")

    with open_run(settings, no_progress) as after:
        assert after.resumed is not finished

    assert TOKEN not in file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_record_without_a_deciding_setting_is_not_resumed(settings: Settings) -> None:
    """An earlier version did not know the setting."""
    run = interrupted(settings)
    file = settings.application.nights_path / run.generation_id / runs.RECORD
    record = msgspec.json.decode(file.read_bytes())
    del record["decided_by"]["growth"]
    file.write_bytes(msgspec.json.encode(record))
    heard = Heard()

    with open_run(settings, heard) as after:
        assert not after.resumed

    assert heard.notes[-1].endswith("is discarded: its run.json does not name growth, which is now rule.")
