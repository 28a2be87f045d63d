"""Compile the kernels of a worker before the first play arrives."""

import numpy as np

from model.evaluation.live_ranks import Signals, live_ranks
from model.explain import explain
from model.fold_in import equations_of, fold_in
from model.history import Histories, Plays, add_plays
from model.objective import Objective
from model.ranking import best_of, top_n


def warm_up() -> None:
    """Load every serial kernel from numba's cache, or compile it: seconds the first time, then milliseconds."""
    starts = np.array([0, 1], np.int64)
    keys, ones = np.ones(1, np.uint64), np.ones(1, np.float32)
    times = np.ones(1, np.uint32)
    histories = Histories(starts, keys, ones, times, times)
    add_plays(histories, times, Plays(starts, keys, ones, times), history_max=1, half_life_plays=1.0)
    rows, items = np.zeros(1, np.int32), np.ones((1, 1), np.float32)
    x = fold_in(starts, rows, ones, items, ones, Objective(factors=1), np.zeros((1, 1), np.float32))
    explain(equations_of(starts, rows, ones, Objective(factors=1)), items, ones, starts[:1], rows[None], m=1)
    top_n(x, items, ones, starts, rows, n=1)
    best_of(x, items, starts, rows, n=1)
    flags = np.ones(1, np.bool_)
    known = starts, keys
    live_ranks(Signals(starts, keys, times, flags, flags), known, known, known, (starts, times), keys)
