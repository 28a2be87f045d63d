"""A run that makes a generation: a folder in which every finished step has a folder of its own.

`lock`                               held by the process that makes a generation
`<generation_id>/run.json`           what is made, and under which settings
`<generation_id>/.<step>.aside/`     a step that is being written; nobody reads it
`<generation_id>/<step>/`            a step that is done
`<generation_id>/report.json`        how it ended; nothing else of the run is kept then but `run.json`
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jobs.progress import JobProgress, ProgressCallback
from state.errors import StoreUnavailableError
from state.generations.naming import new_generation_id
from state.storage.files import fsync_folder, locked_folder, write_file
from streams.settings import Settings

RECORD, REPORT, TIMING = "run.json", "report.json", "step.json"
FORMAT = 1
RESUMABLE_S = 12 * 3600
"""Older runs are not resumed: what listeners played since is worth more than the work that was done."""
WITHOUT_EFFECT = {
    "data_dir", "instance", "replication", "broker_heap_mb", "broker_ready_s", "ready_s", "session_timeout_s",
    "kafka_timeout_s", "slice_plays_max", "group_plays_max", "play_bytes_max", "threads", "play_ids_max",
    "item_names_cached_max", "list_n", "list_heartbeat_s", "list_expires_s", "sweep_users", "rank", "probe_share",
    "recall_floor", "metrics_port", "generations_max", "index_rebuild_s", "hidden_max", "shown_max", "cooldown_shows",
    "cooldown_plays", "list_change_n", "list_overlap_min", "list_score_change", "debounce_ms",
    "popular_blend", "blend_items_max", "popular_publish_s",
    "known_items", "repeat_after_plays",
    "live_quality", "pulse_s", "because_n",
    "private_sessions_max", "private_plays_max", "private_s", "private_expires_s",
}  # fmt: skip
"""Settings that change nothing in a generation; every other one decides, so a new setting does too."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run makes."""

    format: int = FORMAT
    generation_id: str
    began_at_ms: int
    decided_by: dict[str, str]
    """The settings that decide what the generation will be, and whether the gate may stop it."""


class _Timing(msgspec.Struct):
    """How long a step took."""

    seconds: float


class Run:
    """The run that this process works on.

    Attributes:
        settings: Where things are, and what is minimised.
        on_progress: Called after every step.
        forced: The gate cannot stop it.
        resumed: An earlier process began it.
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
        """Return the id of the generation that is made."""
        return self._folder.name

    def path(self, step: str) -> Path:
        """Return the folder of a step; it is there when the step is done."""
        return self._folder / step

    def done(self) -> list[str]:
        """Return the names of the steps that are done."""
        return sorted(path.name for path in self._folder.glob("[!.]*") if path.is_dir())

    def seconds(self) -> dict[str, float]:
        """Return how long every step took that is done, whichever process did it, in the order in which they ended."""
        timings = sorted(self._folder.glob(f"[!.]*/{TIMING}"), key=lambda path: path.stat().st_mtime_ns)
        return {path.parent.name: msgspec.json.decode(path.read_bytes(), type=_Timing).seconds for path in timings}

    @contextmanager
    def writing(self, step: str) -> Iterator[Path]:
        """Give a folder to write a step into; the step is done when the block ends well, and was never begun otherwise.

        Step 1: an empty folder aside is filled by the block. Step 2: sync it. Step 3: rename it, sync its parent.
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
        """Keep a report of the run and remove the listeners' histories, and whatever else the steps left.

        Step 1: write the report, which makes the run a finished one. Step 2: remove the rest; whoever opens the next
        run does that too.
        """
        # Step 1
        aside = self._folder / f".{REPORT}.aside"
        write_file(aside, report)
        aside.rename(self._folder / REPORT)
        fsync_folder(self._folder)
        # Step 2
        _keep_reports(self._folder)
        for old in _runs(self.settings.nights_path)[: -self.settings.generations_max]:
            shutil.rmtree(old)

    def discard(self) -> None:
        """Remove the run; the next one begins with the histories of its own moment."""
        shutil.rmtree(self._folder)


@contextmanager
def open_run(
    settings: Settings, on_progress: ProgressCallback, *, forced: bool = False, fresh: bool = False
) -> Iterator[Run]:
    """Resume the unfinished run, or begin one; hold the lock meanwhile.

    A run is discarded when what it read is at fault, as it would be again. It is kept for the next process when Kafka,
    the store or the disk failed it, or when it was killed.

    Args:
        settings: Where things are, and what is minimised.
        on_progress: Called with a note if the run is resumed, and for every run that is discarded.
        forced: The gate cannot stop it.
        fresh: Discard the unfinished run, whatever it is.

    Raises:
        StateError: Another process makes a generation.
    """
    now_ms = time.time_ns() // 1_000_000
    with locked_folder(settings.nights_path, _told_taken(settings.nights_path)):
        decided_by = _decided_by(settings, forced=forced)
        resumable = _clear(settings.nights_path, decided_by, now_ms, on_progress, fresh=fresh)
        folder = resumable or _begin(settings.nights_path, decided_by, now_ms)
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
    """Remove unfinished runs, and what else is left of finished ones; return the one that can be resumed, if any."""
    resumable = None
    for folder in reversed(_runs(nights)):
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
    """Make the folder of a new run: aside, then renamed."""
    record = RunRecord(generation_id=new_generation_id(now_ms), began_at_ms=now_ms, decided_by=decided_by)
    folder = nights / record.generation_id
    aside = folder.with_name(f".{folder.name}.aside")
    aside.mkdir(parents=True)
    write_file(aside / RECORD, msgspec.json.format(msgspec.json.encode(record)))
    fsync_folder(aside)
    aside.rename(folder)
    fsync_folder(nights)
    return folder


def _reason_against(folder: Path, decided_by: dict[str, str], now_ms: int) -> str | None:
    """Return why a run cannot be resumed, None if it can."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=RunRecord)
    except (OSError, ValueError):
        return f"its {RECORD} cannot be read"
    if record.format != FORMAT:
        return f"its {RECORD} is of format {record.format}, this version writes {FORMAT}"
    age_s = (now_ms - record.began_at_ms) / 1000
    if not 0 <= age_s <= RESUMABLE_S:
        return f"it began {age_s / 3600:.0f} hours ago"
    for name in sorted(decided_by.keys() | record.decided_by.keys()):
        was, now = record.decided_by.get(name), decided_by.get(name)
        if was != now:
            return f"it began with {name}={was}, which is now {now}"
    return None


def _decided_by(settings: Settings, *, forced: bool) -> dict[str, str]:
    fields = msgspec.structs.asdict(settings)
    return {name: str(fields[name]) for name in fields if name not in WITHOUT_EFFECT} | {"force": str(forced)}


def _runs(nights: Path) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    return sorted(path for path in nights.glob("[!.]*") if path.is_dir())


def _keep_reports(folder: Path) -> None:
    """Remove everything of a run but its record and its report."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _told_taken(nights: Path) -> str:
    """Return the sentence for who comes second."""
    unfinished = [path for path in _runs(nights) if not (path / REPORT).exists()]
    what = f"generation {unfinished[-1].name}" if unfinished else "a generation"
    return f"Another run makes {what} in {nights}: wait for it, or stop it."
