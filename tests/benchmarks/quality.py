"""How good the lists are on MovieLens-100K, every rating taken as a play.

The protocol is that of `model/evaluation/prequential.py`: the first 70 % train the item factors, the last 30 %
stream, and every streamed event whose item is new for its listener is scored and then learnt.

`ml100k_fold_in` learns from every event; `ml100k_fold_in_windows` does so with item factors that were trained on
windows of plays too. `ml100k_static` keeps the user vectors of the training (other listeners get the popular
items). `ml100k_popular` ranks by plays so far, halved every 30 days. The value is hit@20 with its 95 % interval.
"""

from tests.benchmarks.report import Row, report  # isort: skip  # sets the threads of BLAS before numpy is imported

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pyarrow.compute as pc

from jobs.evaluation.movielens import fetch, ml100k_path
from model.arrays import Starts
from model.evaluation.event_log import Events, events_of, split_events
from model.evaluation.prequential import POPULAR_HALF_LIFE_S, fold_in_ranks, popular_ranks, static_ranks, train_on
from model.evaluation.rank_metrics import hit_rate, mean_reciprocal_rank
from model.objective import Objective
from streams.settings import read_settings

# Chosen on the first 70 % alone (trained on the first 49 % of all events, judged on the next 21 %), among a0 of .01 to
# 1, lambda of .02 to .15, half-lives of 2 to 10 plays and windows of none to 40 plays.
PLAIN = Objective("ials", factors=64, unobserved_weight=1.0, regularization=0.1, half_life_plays=5.0)
WINDOWS = Objective("ials", factors=64, unobserved_weight=0.1, regularization=0.1, half_life_plays=3.0, window_plays=20)
TRAINED = 0.7


def ml100k() -> Events:
    """Read MovieLens-100K, fetched on first use."""
    plays = fetch(ml100k_path(read_settings().application)).plays
    users, items = (pc.dictionary_encode(plays[name].combine_chunks()).indices for name in ("user_id", "item_id"))
    times = plays["played_at_s"].to_numpy().astype(np.uint32)
    return events_of(users.to_numpy().astype(np.int64), items.to_numpy().astype(np.uint64), times)


def measured() -> Iterator[Row]:
    """Measure every row."""
    events = ml100k()
    split = split_events(events, int(len(events.users) * TRAINED))
    plain, windows = (train_on(split, objective, np.random.default_rng(0)) for objective in (PLAIN, WINDOWS))
    yield row("fold_in", fold_in_ranks(split, plain, PLAIN), split.n_items, asdict(PLAIN))
    yield row("popular", popular_ranks(split), split.n_items, {"half_life_s": POPULAR_HALF_LIFE_S})
    yield row("static", static_ranks(split, plain), split.n_items, asdict(PLAIN))
    yield row("fold_in_windows", fold_in_ranks(split, windows, WINDOWS), split.n_items, asdict(WINDOWS))


def row(name: str, ranks: Starts, n_items: int, settings: dict[str, object]) -> Row:
    """Return the quality of the ranks of a model's events."""
    at_20 = hit_rate(ranks, 20, n_items)
    return Row(
        f"ml100k_{name}",
        at_20.value,
        "hit@20",
        hit_at_10=hit_rate(ranks, 10, n_items).value,
        hit_at_20=at_20.value,
        mrr_at_20=mean_reciprocal_rank(ranks, 20, n_items).value,
        low=at_20.low,
        high=at_20.high,
        events=len(ranks),
        settings=settings,
    )


if __name__ == "__main__":
    report(measured())
