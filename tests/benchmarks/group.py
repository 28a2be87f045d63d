"""The cost of one commit group by its size: milliseconds to read, fold, rank and encode it, Kafka left out.

f=64, 10,000 items, the top 50 published with their reasons; four listeners of five have histories of 30 items, the
fifth one of 3, so that their lists are blended. A group is read, folded and committed to a state on disk as in a
worker, on one thread, and the milliseconds are those of the processor: others on the machine would move a small group's
more than its own work does. `group_100_plain_ms` is the same without reasons and without blended lists.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from cli.threads import pin_threads
from streams.settings import override
from tests.benchmarks.report import Row, report

pin_threads(1)  # before numpy is loaded

# ruff: noqa: E402
import msgspec
import numpy as np

from agents.worker import warm_up
from model.objective import Objective
from state.generations.generation import Generation, open_generation, write_generation
from streams.outbox import Item
from streams.settings import Settings
from tests.benchmarks.live_quality import Side
from tests.benchmarks.stream import FACTORS, HISTORY, ITEMS, made_up_histories, plays_of
from tests.support.generations import FIRST_ID, manifest_of, numbered
from tests.support.made_up import made_up_factors, made_up_plays

USERS, NEWCOMERS, KNOWN_TO_NEWCOMERS = 10_000, 5, 3
FILLED = 50_000
"""Plays of before that are folded at a time."""
GROUPS = {1: 600, 10: 300, 100: 60, 1000: 8}
"""Groups of every size."""
WARM = 10


def histories(rng: np.random.Generator) -> list[Item]:
    """Return the earlier plays of listeners: one in so many is a newcomer."""
    whole = made_up_histories(USERS, rng)
    latest = {
        user: items[: KNOWN_TO_NEWCOMERS if number % NEWCOMERS == 0 else HISTORY]
        for number, (user, items) in enumerate(whole.items())
    }
    return plays_of(latest)


def popular_generation(folder: Path, rng: np.random.Generator) -> Generation:
    """Return a generation of made-up factors with popularity: without it, no list is blended."""
    objective = Objective(factors=FACTORS)
    catalog = numbered(made_up_factors(ITEMS, FACTORS, rng), objective)
    worth = (1000 / (1 + np.arange(ITEMS))).astype(np.float32)
    manifest = msgspec.structs.replace(manifest_of(FIRST_ID, objective, ITEMS), n_users=USERS, n_plays=USERS * HISTORY)
    write_generation(folder, manifest, catalog._replace(popularity=worth))
    return open_generation(folder)


def filled(side: Side, before: list[Item]) -> Side:
    """Return a worker that has learnt the earlier plays."""
    for low in range(0, len(before), FILLED):
        side.take(before[low : low + FILLED])
    return side


def row(name: str, size: int, side: Side, rng: np.random.Generator) -> Row:
    """Measure groups of one size; the first ones warm up."""
    groups = [made_up_plays(size, USERS, ITEMS, rng) for _ in range(WARM + GROUPS[size])]
    taken_ms = [1000 * side.take(plays) for plays in groups][WARM:]
    low, mid = np.percentile(taken_ms, (10, 50)).tolist()
    return Row(f"{name}_ms", float(np.mean(taken_ms)), "ms", p10=low, p50=mid, groups=len(taken_ms))


def rows() -> Iterator[Row]:
    """Measure every size, then one size without the default features."""
    warm_up()
    rng, whole = np.random.default_rng(3), Settings()
    plain = override(whole, because_n=0, popular_blend=0.0)
    with tempfile.TemporaryDirectory() as folder:
        generation = popular_generation(Path(folder) / "generation", rng)
        before = histories(rng)
        side = filled(Side(Path(folder) / "whole", whole, generation), before)
        for size in GROUPS:
            yield row(f"group_{size}", size, side, rng)
        side.close()
        side = filled(Side(Path(folder) / "plain", plain, generation), before)
        yield row("group_100_plain", 100, side, rng)
        side.close()


if __name__ == "__main__":
    report(rows())
