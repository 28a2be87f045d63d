"""Compile the kernels of a worker before the first play arrives."""

import numpy as np

from model.above_bar import top_n_above
from model.best_of import Addition, best_of
from model.blend import PopularPart, blended_top_n
from model.decay import NO_DECAY
from model.equations import equations_of
from model.evaluation.live_ranks import GroupSignals, live_ranks, place_table
from model.explain import explain
from model.fixed_items import FixedItems
from model.fold_in import fold_in
from model.history import Histories, Plays, add_plays
from model.item_weights import item_weights
from model.listener_popularity import Signals, contributions
from model.objective import Objective
from model.only_against import only_against
from model.ragged import RaggedKeys, RaggedMarks, RaggedRows, WeightedRows
from model.ranking import top_n


def warm_up() -> None:
    """Load every serial kernel from numba's cache, or compile it: seconds the first time, then milliseconds."""
    starts = np.array([0, 1], np.int64)
    keys, ones = np.ones(1, np.uint64), np.ones(1, np.float32)
    times = np.ones(1, np.uint32)
    histories = Histories(starts, keys, ones, times, times)
    histories, _ = add_plays(histories, times, Plays(starts, keys, ones, times), history_max=2)
    item_weights(histories, NO_DECAY)
    only_against(starts, keys, -ones)
    contributions(histories, Signals(starts, keys, ones, times, np.ones(1, np.bool_)), np.inf)
    rows, items = np.zeros(1, np.int32), FixedItems(np.ones((1, 1), np.float32), ones)
    objective, signals = Objective(factors=1), WeightedRows(starts, rows, ones)
    x = fold_in(signals, items, objective, np.zeros((1, 1), np.float32))
    explain(equations_of(signals, objective), items, starts[:1], rows[None], m=1)
    top_n(x, items, RaggedRows(starts, rows), n=1)
    best_of(x, items.factors, RaggedRows(starts, rows), n=1)
    blended_top_n(x, items, PopularPart(ones, ones, rows), (rows[None], x), RaggedRows(starts, rows), n=1)
    top_n_above(x, items, Addition(ones, ones), ones, RaggedRows(starts, rows), n=1)
    flags = np.ones(1, np.bool_)
    known = RaggedKeys(starts, keys)
    signals_of = GroupSignals(starts, keys, times, flags, flags)
    live_ranks(signals_of, histories, known, known, RaggedMarks(starts, times), place_table(keys))
