"""What tuning found, on disk: every setting that was scored, and the best of them.

`best.json`                        what a training takes its hyperparameters from, if the settings say so
`<fingerprint>/scored.jsonl`       one line for every setting that was scored on the same events
`<fingerprint>/optuna.log`         the journal of optuna's study, if it was asked
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
FORMAT = 1
FOLDERS_MAX = 4
"""Searches that can be resumed; that of the oldest is dropped."""
_Record = TypeVar("_Record", "Best", "Scored")


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, and how well its lists did."""

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
    """As of the events on which it was chosen, so it flatters a little."""
    mrr_at_20: Estimate
    n_events: int
    trials: int
    """Settings that were scored."""
    scored_on: str
    """Which events it was chosen on, in words."""


class Tuned(NamedTuple):
    """What a search gave."""

    best: Best
    scored: list[Scored]
    """In the order in which they were scored."""

    @property
    def objective(self) -> Objective:
        """Return the best hyperparameters."""
        return self.best.objective


class TuningError(ValueError):
    """What tuning left cannot be read, or there is nothing to tune on. The message says which, and what to do."""


def tuned_objective(settings: Settings) -> Objective | None:
    """Return what tuning found if the settings ask for it, None if they ask for themselves.

    Raises:
        SettingsError: They ask for what tuning found, and it never ran.
        TuningError: What it found is damaged.
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
    """Return the best setting that was kept in a folder, None if there is none.

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
    """Keep the best setting in a folder.

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


class ScoredFile:
    """The settings that were scored on some events, in a file that only grows."""

    def __init__(self, folder: Path) -> None:
        """Read what the folder holds; what cannot be read, as a line cut short, is scored again."""
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        self.path = folder / SCORED
        self.all: list[Scored] = []
        for line in self.path.read_bytes().splitlines() if self.path.exists() else []:
            try:
                self.all.append(_decode(line, Scored))
            except ValueError:
                continue

    def find(self, objective: Objective) -> Scored | None:
        """Return how a setting did, None if it was not scored yet."""
        return next((scored for scored in self.all if scored.objective == objective), None)

    def add(self, scored: Scored) -> None:
        """Write a line and wait until it is on the disk."""
        with self.path.open("ab") as file:
            # A line that was cut short is ended first.
            file.write(b"\n" * bool(file.tell()) + msgspec.json.encode(scored))
            file.flush()
            os.fsync(file.fileno())
        self.all.append(scored)


def prune(store: Path) -> None:
    """Remove the searches that are not among the newest."""
    folders = [path for path in store.glob("[!.]*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime_ns)[:-FOLDERS_MAX]:
        shutil.rmtree(folder)


def _decode(content: bytes, kind: type[_Record]) -> _Record:
    return msgspec.convert(with_infinities(msgspec.json.decode(content, type=dict[str, Any])), kind)
