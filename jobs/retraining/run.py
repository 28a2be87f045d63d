"""A run that makes a generation: a folder with one folder for each finished step.

`lock`                               held by the process that makes a generation
`<generation_id>/run.json`           the generation's id, and the settings that decide it
`<generation_id>/.<step>.aside/`     a step that is being written; no other step reads it
`<generation_id>/<step>/`            a step that is done
`<generation_id>/report.json`        the result of a finished run, of which only this and `run.json` are kept
"""

import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from jobs.progress import JobProgress, ProgressCallback
from jobs.retraining.serving_generation import ServingGeneration, ServingRecord, open_serving
from state.errors import StoreUnavailableError
from state.generations.naming import new_generation_id
from state.storage.files import fsync_folder, locked_folder, write_file
from streams.settings import Settings
from streams.settings.deciding import deciding_values

RECORD, REPORT, TIMING = "run.json", "report.json", "step.json"
SERVING = "serving"
"""The first step, which records the generation in service."""
FORMAT = 2
PRIVATE_MODE = 0o600
"""The mode of a run's record and report."""
RESUMABLE_S = 12 * 3600
"""Older runs are not resumed: plays since then are worth more than the finished steps."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a run."""

    format: int = FORMAT
    generation_id: str
    began_at_ms: int
    decided_by: dict[str, str]
    """The settings that decide the content of the generation, and whether the gate may reject it."""


class _Timing(msgspec.Struct):
    """The duration of a step."""

    seconds: float


class Run:
    """The run that this process works on.

    Attributes:
        settings: The settings of the run.
        on_progress: Called with the progress of every step.
        forced: The generation is announced even if the gate rejects it.
        resumed: An earlier process began the run.
    """

    def __init__(
        self, folder: Path, settings: Settings, on_progress: ProgressCallback, *, forced: bool, resumed: bool
    ) -> None:
        """Work in `folder`, which is named after the generation."""
        self.settings = settings
        self.on_progress = on_progress
        self.forced = forced
        self.resumed = resumed
        self._folder = folder

    @property
    def generation_id(self) -> str:
        """Return the id of the new generation."""
        return self._folder.name

    def path(self, step: str) -> Path:
        """Return the folder of a step; it exists when the step is done."""
        return self._folder / step

    @cached_property
    def serving(self) -> ServingGeneration:
        """Open the generation that was in service when the run began; all steps use this one.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        record = ServingRecord.load(self.path(SERVING))
        return open_serving(record.generation_id, self.settings, self.on_progress)

    def done(self) -> list[str]:
        """Return the names of the steps that are done."""
        return sorted(path.name for path in self._folder.glob("[!.]*") if path.is_dir())

    def seconds(self) -> dict[str, float]:
        """Return the seconds of every finished step of all processes, in the order in which the steps ended."""
        timings = sorted(self._folder.glob(f"[!.]*/{TIMING}"), key=lambda path: path.stat().st_mtime_ns)
        return {path.parent.name: msgspec.json.decode(path.read_bytes(), type=_Timing).seconds for path in timings}

    @contextmanager
    def writing(self, step: str) -> Iterator[Path]:
        """Yield a folder to write a step into; the step is done when the block ends, and left undone if it raises.

        Step 1: the block fills an empty folder aside. Step 2: sync it. Step 3: rename it and sync its parent.
        """
        aside = self._folder / f".{step}.aside"
        # Step 1
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        began = time.monotonic()
        yield aside
        # Step 2
        write_file(aside / TIMING, msgspec.json.encode(_Timing(round(time.monotonic() - began, 3))))
        for folder in (*(path for path in aside.rglob("*") if path.is_dir()), aside):
            fsync_folder(folder)
        # Step 3
        aside.rename(self.path(step))
        fsync_folder(self._folder)

    def finish(self, report: bytes) -> None:
        """Write the report of the run and remove the folders of its steps, with the listeners' histories.

        Step 1: write the report, which makes the run a finished one. Step 2: remove the rest. After a crash between
        the two, the next run does step 2.
        """
        # Step 1
        aside = self._folder / f".{REPORT}.aside"
        write_file(aside, report, mode=PRIVATE_MODE)
        aside.rename(self._folder / REPORT)
        fsync_folder(self._folder)
        # Step 2
        _keep_reports(self._folder)
        for old in _runs(self.settings.application.nights_path)[: -self.settings.generations.n_max]:
            shutil.rmtree(old)

    def discard(self) -> None:
        """Remove the run; the next one reads the histories again."""
        shutil.rmtree(self._folder)


@contextmanager
def open_run(
    settings: Settings, on_progress: ProgressCallback, *, forced: bool = False, fresh: bool = False
) -> Iterator[Run]:
    """Resume the unfinished run, or begin one, under the lock of the folder.

    An error of the data discards the run, since it would come again. An error of Kafka, the store or the disk, or a
    kill, keeps the run for the next process.

    Args:
        settings: The settings of the run.
        on_progress: Called with a note if the run is resumed, and for every run that is discarded.
        forced: Announce the generation even if the gate rejects it.
        fresh: Discard the unfinished run.

    Raises:
        StateError: Another process has the lock.
    """
    now_ms = time.time_ns() // 1_000_000
    with locked_folder(settings.application.nights_path, _locked_message(settings.application.nights_path)):
        decided_by = _decided_by(settings, forced=forced)
        resumable = _clear(settings.application.nights_path, decided_by, now_ms, on_progress, fresh=fresh)
        folder = resumable or _begin(settings.application.nights_path, decided_by, now_ms)
        run = Run(folder, settings, on_progress, forced=forced, resumed=resumable is not None)
        if run.resumed:
            done = ", ".join(run.done()) or "nothing"
            on_progress(JobProgress(f"Resuming the run of generation {run.generation_id}; done: {done}.", is_note=True))
        try:
            yield run
        except StoreUnavailableError:
            raise
        except (ValueError, ArithmeticError):
            run.discard()
            raise


def _clear(
    nights: Path, decided_by: dict[str, str], now_ms: int, on_progress: ProgressCallback, *, fresh: bool
) -> Path | None:
    """Remove runs that cannot be resumed, and the steps of finished ones; return the run to resume, if any."""
    resumable = None
    for folder in reversed(_runs(nights)):
        _remove_other_names(folder, decided_by.keys())
        if (folder / REPORT).exists():
            _keep_reports(folder)
            continue
        reason = _reason_against(folder, decided_by, now_ms)
        if reason is None and (fresh or resumable):
            reason = "a fresh one is asked for" if fresh else "another one began after it"
        if reason is None:
            resumable = folder
        else:
            on_progress(
                JobProgress(f"The unfinished run of generation {folder.name} is discarded: {reason}.", is_note=True)
            )
            shutil.rmtree(folder)
    for aside in nights.glob(".*"):
        shutil.rmtree(aside)
    return resumable


def _begin(nights: Path, decided_by: dict[str, str], now_ms: int) -> Path:
    """Write the folder of a new run aside, and rename it."""
    record = RunRecord(generation_id=new_generation_id(now_ms), began_at_ms=now_ms, decided_by=decided_by)
    folder = nights / record.generation_id
    aside = folder.with_name(f".{folder.name}.aside")
    aside.mkdir(parents=True)
    _write_record(aside / RECORD, record)
    fsync_folder(aside)
    aside.rename(folder)
    fsync_folder(nights)
    return folder


def _write_record(path: Path, record: RunRecord) -> None:
    write_file(path, msgspec.json.format(msgspec.json.encode(record)), mode=PRIVATE_MODE)


def _remove_other_names(folder: Path, names: Collection[str]) -> None:
    """Rewrite a record that names settings which decide nothing: an earlier version recorded the gateway's token.

    A record that cannot be read stays as it is.
    """
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=RunRecord)
    except (OSError, ValueError):
        return
    decided_by = {name: value for name, value in record.decided_by.items() if name in names}
    if decided_by == record.decided_by:
        return
    aside = folder / f".{RECORD}.aside"
    _write_record(aside, msgspec.structs.replace(record, decided_by=decided_by))
    aside.rename(folder / RECORD)
    fsync_folder(folder)


def _reason_against(folder: Path, decided_by: dict[str, str], now_ms: int) -> str | None:
    """Return the reason against resuming a run, None if there is none."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=RunRecord)
    except (OSError, ValueError):
        return f"its {RECORD} cannot be read"
    if record.format != FORMAT:
        return f"its {RECORD} is of format {record.format}, this version writes {FORMAT}"
    age_s = (now_ms - record.began_at_ms) / 1000
    if not 0 <= age_s <= RESUMABLE_S:
        return f"it began {age_s / 3600:.0f} hours ago"
    for name, now in decided_by.items():
        if name not in record.decided_by:
            return f"its {RECORD} does not name {name}, which is now {now}"
        if now != record.decided_by[name]:
            return f"it began with {name}={record.decided_by[name]}, which is now {now}"
    return None


def _decided_by(settings: Settings, *, forced: bool) -> dict[str, str]:
    return deciding_values(settings) | {"force": str(forced)}


def _runs(nights: Path) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    return sorted(path for path in nights.glob("[!.]*") if path.is_dir())


def _keep_reports(folder: Path) -> None:
    """Remove the folders of a run; its record and its report stay."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _locked_message(nights: Path) -> str:
    """Return the error message for a second concurrent run."""
    unfinished = [path for path in _runs(nights) if not (path / REPORT).exists()]
    what = f"generation {unfinished[-1].name}" if unfinished else "a generation"
    return f"Another run makes {what} in {nights}: wait for it, or stop it."
