"""Who played what, as arrays: what a training reads, and what it must not see."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.histories.snapshot import Snapshot
from model.arrays import Counts, Floats, Keys, Rows, Starts
from model.history import Histories
from model.popularity import popularity_in_time
from model.training import Matrix
from model.training_windows import with_windows
from state.keys import user_key
from streams.settings import Settings

ITEM_IDS = "item_ids.json"
DAY_S = 86_400
GATE_LISTENERS_MIN = 1000
"""As many listeners are asked at the gate, if there are as many, however small their share."""
NOTHING_HELD_OUT = -1


class NothingToTrainError(ValueError):
    """There is nothing to train on. Send plays, and let a worker fold them, before a generation is made."""


class TrainingSet(NamedTuple):
    """The histories of n listeners, and the items in them.

    What a listener played last may be held out: it is never trained on, so that generations can be asked for it.
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
    """A hash of each listener's id, shape (n,): the smallest are asked first at the gate."""

    def __len__(self) -> int:
        """Return the number of listeners."""
        return len(self.plays)

    @property
    def n_items(self) -> int:
        """Return the number of items."""
        return len(self.item_keys)

    def matrix(self, window_plays: int) -> Matrix:
        """Return what the active listeners' plays of an item were worth when it was last played; windows come last.

        Recency belongs to the moment of a list: it is applied when a user is folded in. Items are described by all
        that listeners ever played of them, so their factors are trained without it. What is held out is not in it.
        """
        histories = self.histories
        lengths = np.diff(histories.starts)
        kept = np.repeat(self.active, lengths)
        kept[self.held_out[self.held_out >= 0]] = False
        ends = np.concatenate(([0], np.cumsum(kept)))[histories.starts]
        starts = np.concatenate(([0], np.cumsum(np.diff(ends)[self.active])))
        plays = Matrix(starts, self.rows[kept], histories.values[kept])
        return with_windows(plays, histories.touched_at_play[kept], window_plays)

    def popularity(self, half_life_days: float, now_s: int) -> tuple[Floats, int]:
        """Return what all listeners' plays of every item are worth, shape (n_items,), and as of when.

        All plays of an entry count as of the last of them: a history knows no other time.
        """
        values, played_s = self.histories.values, self.histories.last_played_s
        return popularity_in_time(values, played_s, self.rows, self.n_items, half_life_days * DAY_S, now_s)

    def save(self, folder: Path) -> None:
        """Write it into a folder that is there."""
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)
        (folder / ITEM_IDS).write_bytes(msgspec.json.encode(self.item_ids))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the arrays are mapped."""
        item_ids = msgspec.json.decode((folder / ITEM_IDS).read_bytes(), type=list[str])
        names = [name for name in (*Histories._fields, *cls._fields) if name not in {"histories", "item_ids"}]
        # Histories and items have a column of the same name; the histories' is the rows' and needs no file.
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
        own = {name: array for name, array in self._asdict().items() if name not in {"histories", "item_ids"}}
        return histories | own


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
            f"The changelog of group {settings.application.group} holds no plays: replay some and run a worker first."
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
        active_listeners(plays, last_played_s, settings),
        hold_out(histories, in_gate(hashes, settings.retraining.gate_share)),
        hashes,
    )


def active_listeners(plays: Counts, last_played_s: Counts, settings: Settings) -> NDArray[np.bool_]:
    """Tell who is trained on: who has played often enough, and in the time before the latest play of all."""
    ago_s = int(last_played_s.max(initial=0)) - last_played_s.astype(np.int64)
    active: NDArray[np.bool_] = (plays >= settings.retraining.active_plays_min) & (
        ago_s <= settings.retraining.active_days * DAY_S
    )
    return active


def in_gate(hashes: Keys, share: float) -> NDArray[np.bool_]:
    """Tell who is asked at the gate: a share of the listeners, or more of them if it is too few.

    The share shrinks as listeners come and never grows again: whoever is asked now was held out before, too.

    >>> in_gate(np.array([0, 2**64 - 1], np.uint64), 0.0).tolist()
    [False, False]
    """
    if not share:
        return np.zeros(len(hashes), np.bool_)
    wanted = max(share, GATE_LISTENERS_MIN / max(1, len(hashes)))
    if wanted >= 1:
        return np.ones(len(hashes), np.bool_)
    asked: NDArray[np.bool_] = hashes < np.uint64(wanted * 2.0**64)
    return asked


def hold_out(histories: Histories, asked: NDArray[np.bool_]) -> Starts:
    """Return the entry that is held out of each listener's history, `NOTHING_HELD_OUT` where there is none.

    It is the last one that was played once: an item that was played before may have been trained on before. Something
    has to stand before it, from which a listener can be folded in.
    """
    starts = histories.starts
    once = np.flatnonzero((histories.values > 0) & (histories.values <= 1))
    if not len(once):
        return np.full(len(asked), NOTHING_HELD_OUT, np.int64)
    last = np.searchsorted(once, starts[1:]) - 1
    entries = once[np.maximum(last, 0)]
    found = asked & (last >= 0) & (entries > starts[:-1])
    return np.where(found, entries, NOTHING_HELD_OUT).astype(np.int64)


def _columns(users: pa.Table) -> tuple[Histories, Counts, Counts]:
    """Return the histories, the plays made and the seconds of the last play."""
    lists = {
        name: users[name].combine_chunks() for name in ("item_keys", "values", "touched_at_play", "item_last_played_s")
    }
    starts = lists["item_keys"].offsets.to_numpy().astype(np.int64)
    first, last = (int(starts[0]), int(starts[-1])) if len(starts) else (0, 0)
    entries = [found.values.to_numpy()[first:last] for found in lists.values()]
    histories = Histories(starts - first if len(starts) else np.zeros(1, np.int64), *entries)
    return histories, *(users[name].combine_chunks().to_numpy() for name in ("plays", "last_played_s"))
