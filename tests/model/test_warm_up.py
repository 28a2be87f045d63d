"""A warm worker compiles nothing more."""

import numpy as np

from model import best_of, explain, history, item_codes, item_weights, previous_signals, ranking, solver
from model.decay import NO_DECAY
from model.equations import equations_of
from model.fixed_items import FixedItems
from model.fold_in import fold_in
from model.history import Histories, Plays, add_plays
from model.objective import Objective
from model.ragged import RaggedRows, WeightedRows
from model.ranking import BoundedItems, top_n
from model.warm_up import warm_up


def test_after_the_warm_up_no_form_of_arguments_compiles_again() -> None:
    """Mapped, decoded and strided arrays all run in the code that the warm-up compiled."""
    kernels = (
        history._add_plays,  # noqa: SLF001
        previous_signals.previous_signals,
        item_weights._sum_by_item,  # noqa: SLF001
        ranking._top_n,  # noqa: SLF001
        best_of._best_of,  # noqa: SLF001
        item_codes._encode_items,  # noqa: SLF001
        solver._solve_every,  # noqa: SLF001
        explain._explain,  # noqa: SLF001
    )
    warm_up()
    compiled = [len(kernel.signatures) for kernel in kernels]

    items = np.frombuffer(np.ones((9, 4), np.float32).tobytes(), np.float32).reshape(9, 4)
    starts, rows = np.arange(4) * 2, np.arange(12, dtype=np.int32)[::2]
    x = np.zeros((3, 4), np.float32)
    signals, fixed = WeightedRows(starts, rows, np.ones(12, np.float32)[::2]), FixedItems(items, items[0])
    fold_in(signals, fixed, Objective(factors=4), x)
    equations = equations_of(signals, Objective(factors=4))
    explain.explain(equations, fixed, np.arange(6)[::2][:2], np.zeros((2, 9), np.int32)[:, ::2], 2)
    top_n(x[:, :], BoundedItems(items, items[:, 0]), RaggedRows(starts, rows), 3)
    top_n(x, fixed.first(2), RaggedRows(starts, rows), 3, withdrawn_rows=rows[:0])
    best_of.best_of(x, items, RaggedRows(starts, rows), 3)
    odd = np.frombuffer(bytes(25), np.uint64, count=3, offset=1)
    times, values = np.ones(3, np.uint32), np.ones(3, np.float32)
    histories = Histories(np.arange(4), odd, values, times, times)
    histories, _ = add_plays(histories, times, Plays(np.arange(4), odd, values, times), 9)
    item_weights.item_weights(histories, NO_DECAY)

    assert compiled == [len(kernel.signatures) for kernel in kernels]
