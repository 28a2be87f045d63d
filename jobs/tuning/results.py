"""The results of tuning on the disk: every scored setting, and the best one.

`best.json`                        the hyperparameters of trainings, if the settings select them
`<fingerprint>/scored.jsonl`       one line for every setting that was scored on the same events
`<fingerprint>/optuna.log`         the journal of optuna's study, if it has trials
"""

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from model.objective import Objective
from state.generations.manifest import Estimate, with_infinities
from state.storage.files import fsync_folder, write_file
from streams.settings import Settings, SettingsError

BEST, SCORED, JOURNAL = "best.json", "scored.jsonl", "optuna.log"
FORMAT = 2
FOLDERS_MAX = 4
"""Searches that can be resumed; the oldest ones are removed."""
_Record = TypeVar("_Record", "Best", "ScoredSetting")


class ScoredSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting and the quality of its lists."""

    objective: Objective
    hit_at_20: Estimate
    mrr_at_20: Estimate
    n_events: int
    """Events that were scored."""
    seconds: float


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The best setting of a search."""

    format: int = FORMAT
    objective: Objective
    hit_at_20: Estimate
    """On the events of its selection, so it is slightly too high."""
    mrr_at_20: Estimate
    n_events: int
    trials: int
    """Settings that were scored."""
    scored_on: str
    """A description of the events of its selection."""


class Tuned(NamedTuple):
    """The result of a search."""

    best: Best
    scored: list[ScoredSetting]
    """In the order in which they were scored."""

    @property
    def objective(self) -> Objective:
        """Return the best hyperparameters."""
        return self.best.objective


class TuningError(ValueError):
    """The result of a tuning is damaged, or there are too few events. The message says which, and the way out."""


def tuned_objective(settings: Settings) -> Objective | None:
    """Return the best objective of an earlier tuning if the settings select it, otherwise None.

    Raises:
        SettingsError: The settings select it, and no tuning has run.
        TuningError: The result of the tuning is damaged.
    """
    if settings.retraining.hyperparameters != "tuned":
        return None
    best = read_best(settings.application.tuned_path)
    if best is None:
        message = (
            f"PLAYFOLD_HYPERPARAMETERS is 'tuned', but {settings.application.tuned_path / BEST} is not there: "
            "run `playfold tune` first."
        )
        raise SettingsError(message)
    return best.objective


def read_best(folder: Path) -> Best | None:
    """Read the best setting from a folder, None if there is none.

    Raises:
        TuningError: It is damaged, or of another version.
    """
    path = folder / BEST
    try:
        best = _decode(path.read_bytes(), Best)
    except FileNotFoundError:
        return None
    except ValueError as error:
        message = f"{path} is damaged ({error}): run `playfold tune` again."
        raise TuningError(message) from None
    if best.format != FORMAT:
        message = f"{path} is of format {best.format}, this version reads {FORMAT}: run `playfold tune` again."
        raise TuningError(message)
    return best


def write_best(folder: Path, best: Best) -> None:
    """Write the best setting into a folder.

    Step 1: write it aside and sync it. Step 2: rename it, which replaces an older one. Step 3: sync the folder.
    """
    # Step 1
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{BEST}.{os.getpid()}"
    write_file(aside, msgspec.json.format(msgspec.json.encode(best)))
    # Step 2
    aside.replace(folder / BEST)
    # Step 3
    fsync_folder(folder)


class TrialLog:
    """The scored settings of the same events, in an append-only file."""

    def __init__(self, folder: Path) -> None:
        """Read the file; the setting of a truncated line is scored again."""
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        self.path = folder / SCORED
        self.all: list[ScoredSetting] = []
        for line in self.path.read_bytes().splitlines() if self.path.exists() else []:
            try:
                self.all.append(_decode(line, ScoredSetting))
            except ValueError:
                continue

    def find(self, objective: Objective) -> ScoredSetting | None:
        """Return the score of a setting, None if it was not scored yet."""
        return next((scored for scored in self.all if scored.objective == objective), None)

    def add(self, scored: ScoredSetting) -> None:
        """Append a line and sync the file."""
        with self.path.open("ab") as file:
            # The newline ends a truncated line.
            file.write(b"\n" * bool(file.tell()) + msgspec.json.encode(scored))
            file.flush()
            os.fsync(file.fileno())
        self.all.append(scored)


def prune(store: Path) -> None:
    """Remove all but the newest searches."""
    folders = [path for path in store.glob("[!.]*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime_ns)[:-FOLDERS_MAX]:
        shutil.rmtree(folder)


def _decode(content: bytes, kind: type[_Record]) -> _Record:
    return msgspec.convert(with_infinities(msgspec.json.decode(content, type=dict[str, Any])), kind)
