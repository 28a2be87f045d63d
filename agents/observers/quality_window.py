"""The latest scored plays, and the quality of lists by them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes, Doubles, Flags
from model.evaluation.live_ranks import DEPTH
from model.evaluation.rank_metrics import HISTORY_KINDS, MISS, mean_of, share_of
from model.kernel import kernel
from streams.messages.pulse import Compared, ListQuality, Share

WINDOW = 10_000
"""Plays in the window. With a number of plays instead of a time, a hit rate is as exact at night as in the evening: to
one per cent. Memory does not depend on the plays per day."""
ENTRY = np.dtype([("own", "u1"), ("popular", "u1"), ("history", "u1"), ("fresh", "?"), ("generation", "<u8")])
"""A scored play: its ranks, the kind of its listener's history, whether the item is fresh, the list's generation."""
OLDER = "older"
"""Name of generations that were not in service lately, or not since the worker was started."""
Entries = NDArray[np.void]
_RECIPROCALS = np.array([0.0 if rank == MISS else 1 / rank for rank in range(DEPTH + 1)])


class QualityWindow:
    """The latest scored plays; one thread adds, others may read."""

    def __init__(self) -> None:
        self._entries, self._n = np.zeros(WINDOW, ENTRY), 0

    def add(self, entries: Entries) -> None:
        """Add plays; the oldest ones drop out."""
        latest = entries[-WINDOW:]
        self._entries[(self._n + np.arange(len(latest))) % WINDOW] = latest
        self._n += len(latest)

    @property
    def entries(self) -> Entries:
        """Return the plays of the window, in no order."""
        return self._entries[: min(self._n, WINDOW)].copy()


def compared(entries: Entries) -> Compared | None:
    """Return the quality of listeners' lists and of the popular list by some plays; None without any."""
    if not len(entries):
        return None
    return Compared(plays=len(entries), own=_quality(entries["own"]), popular=_quality(entries["popular"]))


def by_history(entries: Entries) -> dict[str, Compared]:
    """Return the same by the kind of listeners' histories."""
    return _parts(entries, {name: entries["history"] == kind for kind, name in enumerate(HISTORY_KINDS)})


def by_generation(entries: Entries, names: Mapping[int, str]) -> dict[str, Compared]:
    """Return the same by the generation of the list; `names` maps keys to the names of generations."""
    known = np.isin(entries["generation"], np.array(list(names), np.uint64))
    named = {name: entries["generation"] == key for key, name in names.items()}
    return _parts(entries, named | {OLDER: ~known})


def _parts(entries: Entries, parts: Mapping[str, Flags]) -> dict[str, Compared]:
    """Return the figures of all parts that have plays."""
    figures = {name: compared(entries[part]) for name, part in parts.items()}
    return {name: quality for name, quality in figures.items() if quality is not None}


def _quality(ranks: Codes) -> ListQuality:
    """Return the quality by ranks, from the count of each rank, since it is computed every second."""
    counts = np.bincount(ranks, minlength=DEPTH + 1)
    return ListQuality(
        hit_at_10=Share(*share_of(int(counts[1:11].sum()), len(ranks))),
        hit_at_50=Share(*share_of(int(counts[1:].sum()), len(ranks))),
        mrr_at_50=Share(*mean_of(_RECIPROCALS, counts)),
    )


@kernel
def add_to_counts(counts: Doubles, entries: Any, figures_of: Doubles) -> None:
    """Add plays to counts.

    Args:
        counts: Shape (2, histories, 2, figures): the listeners' lists and the popular ones, by the kind of history, and
            by whether the item is fresh.
        entries: The plays, of `ENTRY`.
        figures_of: The addition of a play at each rank, shape (ranks, figures).
    """
    for i in range(len(entries)):
        history, fresh = entries[i]["history"], np.int64(entries[i]["fresh"])
        for f in range(figures_of.shape[1]):
            counts[0, history, fresh, f] += figures_of[entries[i]["own"], f]
            counts[1, history, fresh, f] += figures_of[entries[i]["popular"], f]
