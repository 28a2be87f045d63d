"""Runs of a retraining, and their end."""

from contextlib import suppress

from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.retraining.run import Run, open_run
from streams.settings import Settings


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


def folders(settings: Settings) -> list[str]:
    """Return the names in the folder of runs, without the lock."""
    return sorted(path.name for path in settings.application.nights_path.iterdir() if path.name != "lock")
