"""Luigi, as it is used here: what is done is not done again, errors arrive, and nothing is heard of it."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from jobs.progress import JobProgress
from jobs.retraining.luigi_steps import PipelineError, StepTask, run_to
from jobs.retraining.run import Run, open_run
from streams.settings import Settings

PROJECT = Path(__file__).parents[3]


class First(StepTask):
    """A step that writes what it is told, or fails."""

    step = "first"
    told = "doing the first"
    fails: ClassVar[BaseException | None] = None
    runs: ClassVar[int] = 0

    def write(self, folder: Path) -> None:
        """Write a file."""
        type(self).runs += 1
        (folder / "file").write_text("x")
        if self.fails is not None:
            raise self.fails


class Second(StepTask):
    """A step that needs the first."""

    step = "second"
    told = "doing the second"

    def requires(self) -> First:
        """Come after the first."""
        return First(self.night)

    def write(self, folder: Path) -> None:
        """Write what the first did."""
        (folder / "file").write_text((self.night.path("first") / "file").read_text())


class Endless(Second):
    """A step that requires itself."""

    step = "endless"

    def requires(self) -> "Endless":
        """Come after itself."""
        return self


@pytest.fixture
def watched() -> list[JobProgress]:
    """Collect what is told."""
    return []


@pytest.fixture
def night(tmp_path: Path, watched: list[JobProgress], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Open a run."""
    monkeypatch.setattr(First, "runs", 0)
    with open_run(Settings(data_dir=str(tmp_path)), watched.append) as run:
        yield run


def test_steps_run_in_their_order_and_once(night: Run, watched: list[JobProgress]) -> None:
    """What is required comes first; what is done is left alone."""
    run_to(First(night))
    run_to(Second(night))
    run_to(Second(night))

    assert ["first", "second"] == night.done()
    assert First.runs == 1
    assert "x" == (night.path("second") / "file").read_text()
    assert ["doing the first", "doing the second"] == [step.name for step in watched]


@pytest.mark.parametrize("error", [OSError("no disk"), ValueError("no plays"), SystemExit("gone")])
def test_what_a_step_raises_arrives(night: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The very same object; the step is not done, nor those after it; the next attempt can be another."""
    monkeypatch.setattr(First, "fails", error)
    with pytest.raises(type(error)) as caught:
        run_to(Second(night))
    assert error is caught.value
    assert [] == night.done()

    monkeypatch.setattr(First, "fails", None)
    run_to(Second(night))
    assert ["first", "second"] == night.done()


def test_steps_that_luigi_cannot_order_are_an_error(night: Run) -> None:
    """No silence when nothing was done."""
    with pytest.raises(PipelineError, match="The steps to endless did not all run"):
        run_to(Endless(night))


def test_nothing_is_heard_of_luigi(
    night: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No line, no handler on a logger, no signal taken; even when a step fails."""
    root, signals = logging.getLogger(), (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)
    before = (list(root.handlers), root.level, [signal.getsignal(number) for number in signals])
    monkeypatch.setattr(First, "fails", OSError("no disk"))
    with pytest.raises(OSError, match="no disk"):
        run_to(Second(night))
    monkeypatch.setattr(First, "fails", None)
    run_to(Second(night))

    assert before == (list(root.handlers), root.level, [signal.getsignal(number) for number in signals])
    assert ("", "") == capfd.readouterr()


@pytest.mark.processes
def test_importing_it_warns_of_nothing() -> None:
    """Luigi asks for a configuration file when it is imported; ours has none."""
    command = [sys.executable, "-W", "error", "-c", "import jobs.retraining.luigi_steps"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert (0, "", "") == (ended.returncode, ended.stdout, ended.stderr)
