"""The training set: listeners' histories as arrays, without the items that are held out for the gate."""

import time
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.histories.snapshot import Snapshot
from model.arrays import Counts, Floats, Keys, Rows, Starts, lengths_of, starts_of
from model.decay import HalfLives
from model.history import Histories
from model.item_weights import item_weights, signal_counts
from model.objective import DAY_S, Objective
from model.popularity import popularity_in_time
from model.training import Matrix
from model.training_windows import training_matrix
from state.keys import user_key
from streams.settings import Settings
from streams.settings.training import RetrainingSettings

ITEM_IDS = "item_ids.json"
GATE_LISTENERS_MIN = 1000
"""The hold-out has at least this many listeners, if there are enough, for any share."""
NOTHING_HELD_OUT = -1


class NothingToTrainError(ValueError):
    """No listener has a history. Send plays, and let a worker fold them, before a retrain."""


class TrainingSet(NamedTuple):
    """The histories of n listeners, and the items in them.

    The last item of a listener may be held out: no training uses it, so that the gate can rank it.
    """

    histories: Histories
    plays: Counts
    """Plays that each listener has made, shape (n,)."""
    rows: Rows
    """Item row of every history entry; the rows follow `item_keys`."""
    item_keys: Keys
    """Ascending, shape (n_items,)."""
    item_ids: list[str]
    active: NDArray[np.bool_]
    """The listeners to train on, shape (n,)."""
    held_out: Starts
    """The history entry of each listener that is held out, `NOTHING_HELD_OUT` for most, shape (n,)."""
    hashes: Keys
    """A hash of each listener's id, shape (n,); the gate uses the listeners with the smallest ones."""

    def __len__(self) -> int:
        """Return the number of listeners."""
        return len(self.plays)

    @property
    def n_items(self) -> int:
        """Return the number of items."""
        return len(self.item_keys)

    def matrix(self, objective: Objective, weight_max: float = np.inf) -> Matrix:
        """Return the matrix of the active listeners to train on (`training_matrix`), without the held-out items.

        Args:
            objective: The objective of the training.
            weight_max: The largest weight of a listener's signals of one item together.
        """
        histories = self.histories
        lengths = lengths_of(histories.starts)
        is_used = np.repeat(self.active, lengths)
        is_used[self.held_out[self.held_out >= 0]] = False
        ends = starts_of(is_used)[histories.starts]
        starts = starts_of(lengths_of(ends)[self.active])
        columns: list[Any] = [column[is_used] for column in (self.rows.astype(np.uint64), *histories[2:])]
        return training_matrix(Histories(starts, *columns), objective, weight_max)

    def popularity(self, half_life_days: float, now_s: int, weight_max: float = np.inf) -> tuple[Floats, int]:
        """Return the decayed popularity of every item, shape (n_items,), and its moment, in seconds since 1970.

        Args:
            half_life_days: Days after which a play counts half, by its own event time.
            now_s: Now, in seconds since 1970. A play with a later event time counts as of now.
            weight_max: The largest contribution of a listener to one item.
        """
        histories, half_life_s = self.histories, half_life_days * DAY_S
        by_row = histories._replace(
            item_keys=self.rows.astype(np.uint64), last_played_s=np.minimum(histories.last_played_s, now_s)
        )
        items = item_weights(by_row, HalfLives(np.inf, half_life_s), weight_max)
        rows = items.item_keys.astype(np.int32)
        return popularity_in_time(items.weights, items.last_played_s, rows, self.n_items, half_life_s, now_s)

    def save(self, folder: Path) -> None:
        """Write the arrays into an existing folder."""
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)
        (folder / ITEM_IDS).write_bytes(msgspec.json.encode(self.item_ids))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the arrays that `save` wrote."""
        item_ids = msgspec.json.decode((folder / ITEM_IDS).read_bytes(), type=list[str])
        names = [name for name in (*Histories._fields, *cls._fields) if name not in {"histories", "item_ids"}]
        # `item_keys` is a column of histories and of items; that of histories follows from the rows and has no file.
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
        keys = arrays["item_keys"]
        histories = Histories(
            arrays.pop("starts"),
            keys[arrays["rows"]],
            *(arrays.pop(name) for name in ("values", "touched_at_play", "last_played_s")),
        )
        return cls(histories=histories, item_ids=item_ids, **arrays)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        histories = {name: array for name, array in self.histories._asdict().items() if name != "item_keys"}
        others = {name: array for name, array in self._asdict().items() if name not in {"histories", "item_ids"}}
        return histories | others


def training_set_of(snapshot: Snapshot, settings: Settings) -> TrainingSet:
    """Turn a snapshot into a training set.

    Raises:
        NothingToTrainError: No listener has a history.
    """
    users, ids = snapshot.users(), snapshot.item_ids()
    histories, plays, last_played_s = _columns(users)
    item_keys: Keys = np.unique(histories.item_keys)
    if not len(item_keys):
        message = (
            f"The changelog of group {settings.application.group} holds no plays: send some, and wait until a worker "
            "has folded them; `playfold doctor` shows the lag."
        )
        raise NothingToTrainError(message)
    rows = np.searchsorted(item_keys, histories.item_keys).astype(np.int32)
    hashes: Keys = np.fromiter(map(user_key, users["user_id"].to_pylist()), np.uint64, len(plays))
    return TrainingSet(
        histories,
        plays,
        rows,
        item_keys,
        [ids[key] for key in item_keys.tolist()],
        active_listeners(plays, np.minimum(last_played_s, time.time_ns() // 1_000_000_000), settings.retraining),
        hold_out(histories, in_gate(hashes, settings.retraining.gate_share), settings.users.history_max),
        hashes,
    )


def active_listeners(plays: Counts, last_played_s: Counts, retraining: RetrainingSettings) -> NDArray[np.bool_]:
    """Return the listeners to train on: those with enough plays, the last of them shortly before the latest of all."""
    ago_s = int(last_played_s.max(initial=0)) - last_played_s.astype(np.int64)
    active: NDArray[np.bool_] = (plays >= retraining.active_plays_min) & (ago_s <= retraining.active_days * DAY_S)
    return active


def in_gate(hashes: Keys, share: float) -> NDArray[np.bool_]:
    """Return the listeners of the gate: a share of all, raised to `GATE_LISTENERS_MIN` listeners.

    The share shrinks as listeners join and never grows again, so a listener of the gate was never trained in full.

    >>> in_gate(np.array([0, 2**64 - 1], np.uint64), 0.0).tolist()
    [False, False]
    """
    if not share:
        return np.zeros(len(hashes), np.bool_)
    raised_share = max(share, GATE_LISTENERS_MIN / max(1, len(hashes)))
    if raised_share >= 1:
        return np.ones(len(hashes), np.bool_)
    is_in_gate: NDArray[np.bool_] = hashes < np.uint64(raised_share * 2.0**64)
    return is_in_gate


def hold_out(histories: Histories, is_in_gate: NDArray[np.bool_], history_max: int) -> Starts:
    """Return the entry to hold out of each listener's history, `NOTHING_HELD_OUT` for most, shape (n,).

    It is the last item that was played only once, because an earlier training may have used an earlier play. A full
    history has dropped earlier plays, so nothing is held out of it. The entry must not be the first one, because the
    listener is folded in from the entries before.

    Args:
        histories: Histories of n listeners.
        is_in_gate: The listeners of the gate, shape (n,).
        history_max: The most entries of a history.
    """
    starts = histories.starts
    once = np.flatnonzero((signal_counts(histories) == 1) & (histories.values > 0) & (histories.values <= 1))
    if not len(once):
        return np.full(len(is_in_gate), NOTHING_HELD_OUT, np.int64)
    last = np.searchsorted(once, starts[1:]) - 1
    entries = once[np.maximum(last, 0)]
    is_held_out = is_in_gate & (last >= 0) & (entries > starts[:-1]) & ~_is_full(histories, history_max)
    return np.where(is_held_out, entries, NOTHING_HELD_OUT).astype(np.int64)


def n_excluded(training_set: TrainingSet, settings: Settings) -> int:
    """Return the number of listeners that the gate excludes because their histories are full (`hold_out`)."""
    is_in_gate = in_gate(training_set.hashes, settings.retraining.gate_share)
    return int((is_in_gate & _is_full(training_set.histories, settings.users.history_max)).sum())


def _is_full(histories: Histories, history_max: int) -> NDArray[np.bool_]:
    """Return the listeners whose histories may have dropped signals, shape (n,)."""
    is_full: NDArray[np.bool_] = lengths_of(histories.starts) >= history_max
    return is_full


def _columns(users: pa.Table) -> tuple[Histories, Counts, Counts]:
    """Return the histories, the numbers of plays and the seconds of the last plays."""
    lists = {
        name: users[name].combine_chunks() for name in ("item_keys", "values", "touched_at_play", "item_last_played_s")
    }
    starts = lists["item_keys"].offsets.to_numpy().astype(np.int64)
    first, last = (int(starts[0]), int(starts[-1])) if len(starts) else (0, 0)
    entries = [column.values.to_numpy()[first:last] for column in lists.values()]
    histories = Histories(starts - first if len(starts) else np.zeros(1, np.int64), *entries)
    return histories, *(users[name].combine_chunks().to_numpy() for name in ("plays", "last_played_s"))
