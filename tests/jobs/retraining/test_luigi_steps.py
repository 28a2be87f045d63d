"""Luigi, as it is used here: finished steps are not repeated, errors arrive, and Luigi itself stays silent."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.progress import JobProgress
from jobs.retraining.luigi_steps import PipelineError, Step, StepTask, run_steps
from jobs.retraining.run import Run, open_run
from tests.support.settings import settings_with

PROJECT = Path(__file__).parents[3]


class Scene:
    """Two steps, of which the second needs the first."""

    def __init__(self) -> None:
        """Let both succeed."""
        self.error: BaseException | None = None
        self.n_first = 0
        self.progress: list[JobProgress] = []
        self.first = Step("first", "doing the first", self.do_first)
        self.second = Step("second", "doing the second", self.do_second)

    def do_first(self, _run: Run, folder: Path) -> None:
        """Write a file, and raise the error if there is one."""
        self.n_first += 1
        (folder / "file").write_text("x")
        if self.error is not None:
            raise self.error

    def do_second(self, run: Run, folder: Path) -> None:
        """Copy the file of the first step."""
        (folder / "file").write_text((run.path("first") / "file").read_text())


@pytest.fixture
def scene() -> Scene:
    """Give the steps."""
    return Scene()


@pytest.fixture
def run(tmp_path: Path, scene: Scene) -> Iterator[Run]:
    """Open a run."""
    with open_run(settings_with(data_dir=str(tmp_path)), scene.progress.append) as opened:
        yield opened


def test_steps_run_in_their_order_and_once(run: Run, scene: Scene) -> None:
    """A step runs after the one before it; a finished step is left alone."""
    run_steps(run, [scene.first])
    run_steps(run, [scene.first, scene.second])
    run_steps(run, [scene.first, scene.second])

    assert ["first", "second"] == run.done()
    assert 1 == scene.n_first
    assert "x" == (run.path("second") / "file").read_text()
    assert ["doing the first", "doing the second"] == [progress.name for progress in scene.progress]


def test_without_steps_nothing_runs(run: Run) -> None:
    """An empty sequence is no error."""
    run_steps(run, [])

    assert [] == run.done()


@pytest.mark.parametrize("error", [OSError("no disk"), ValueError("no plays"), SystemExit("gone")])
def test_the_error_of_a_step_arrives(run: Run, scene: Scene, error: BaseException) -> None:
    """The very same object arrives; neither the step nor those after it are done; the next attempt may succeed."""
    scene.error = error
    with pytest.raises(type(error)) as caught:
        run_steps(run, [scene.first, scene.second])
    assert error is caught.value
    assert [] == run.done()

    scene.error = None
    run_steps(run, [scene.first, scene.second])
    assert ["first", "second"] == run.done()


def test_steps_that_luigi_cannot_order_are_an_error(run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Luigi would end without a word."""
    monkeypatch.setattr(StepTask, "requires", lambda task: [task])

    with pytest.raises(PipelineError, match="The steps to second did not all run"):
        run_steps(run, [scene.first, scene.second])


def test_luigi_is_silent(run: Run, scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """It prints nothing, adds no handler to a logger and takes no signal, even when a step fails."""
    root, signals = logging.getLogger(), (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)
    before = (list(root.handlers), root.level, [signal.getsignal(number) for number in signals])
    scene.error = OSError("no disk")
    with pytest.raises(OSError, match="no disk"):
        run_steps(run, [scene.first, scene.second])
    scene.error = None
    run_steps(run, [scene.first, scene.second])

    assert before == (list(root.handlers), root.level, [signal.getsignal(number) for number in signals])
    assert ("", "") == capfd.readouterr()


@pytest.mark.processes
def test_importing_it_raises_no_warning() -> None:
    """Luigi asks for a configuration file when it is imported; ours has none."""
    command = [sys.executable, "-W", "error", "-c", "import jobs.retraining.luigi_steps"]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert 0 == process.returncode
    assert "" == process.stdout
    assert "" == process.stderr
