"""The plays that were scored last, and how good the lists were by them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes, Flags
from model.evaluation.live_ranks import DEPTH
from model.evaluation.rank_metrics import HISTORIES, MISS, mean_of, share_of
from streams.messages.records import Compared, ListQuality, Share

WINDOW = 10_000
"""Plays that are remembered. A number of them and not an hour: so a hit rate is known to one per cent, no less at night
than in the evening, and memory is the same for a hundred plays a day and for as many million."""
ENTRY = np.dtype([("own", "u1"), ("popular", "u1"), ("history", "u1"), ("fresh", "?"), ("generation", "<u8")])
"""A scored play: its ranks, the kind of its listener, whether its item is fresh, and which generation made the list."""
OLDER = "older"
"""Stands for generations that made a list and have not been in service lately, or not since the worker was started."""
Entries = NDArray[np.void]
_RECIPROCALS = np.array([0.0 if rank == MISS else 1 / rank for rank in range(DEPTH + 1)])


class QualityWindow:
    """Scored plays, the latest of them; one thread adds, others may read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._entries, self._n = np.zeros(WINDOW, ENTRY), 0

    def add(self, entries: Entries) -> None:
        """Take plays in; the oldest ones are forgotten."""
        latest = entries[-WINDOW:]
        self._entries[(self._n + np.arange(len(latest))) % WINDOW] = latest
        self._n += len(latest)

    @property
    def entries(self) -> Entries:
        """Return what is remembered, in no order."""
        return self._entries[: min(self._n, WINDOW)].copy()


def compared(entries: Entries) -> Compared | None:
    """Return how good the lists were by some plays, beside the popular list; None without any."""
    if not len(entries):
        return None
    return Compared(plays=len(entries), own=_quality(entries["own"]), popular=_quality(entries["popular"]))


def by_history(entries: Entries) -> dict[str, Compared]:
    """Return the same by what was known of the listeners."""
    return _parts(entries, {name: entries["history"] == kind for kind, name in enumerate(HISTORIES)})


def by_generation(entries: Entries, names: Mapping[int, str]) -> dict[str, Compared]:
    """Return the same by the generation that made the list; `names` are those of the keys that have one."""
    known = np.isin(entries["generation"], np.array(list(names), np.uint64))
    named = {name: entries["generation"] == key for key, name in names.items()}
    return _parts(entries, named | {OLDER: ~known})


def _parts(entries: Entries, parts: Mapping[str, Flags]) -> dict[str, Compared]:
    """Return the figures of all parts that have plays."""
    found = {name: compared(entries[part]) for name, part in parts.items()}
    return {name: figures for name, figures in found.items() if figures is not None}


def _quality(ranks: Codes) -> ListQuality:
    """Return the figures of ranks, from how often each rank occurs: it is asked for every second."""
    counts = np.bincount(ranks, minlength=DEPTH + 1)
    return ListQuality(
        hit_at_10=Share(*share_of(int(counts[1:11].sum()), len(ranks))),
        hit_at_50=Share(*share_of(int(counts[1:].sum()), len(ranks))),
        mrr_at_50=Share(*mean_of(_RECIPROCALS, counts)),
    )
