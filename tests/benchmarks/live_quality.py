"""The cost of ranking every play in the list before it: plays folded a second with it, and without.

Histories, items and the length of the lists are those of `full_path` in `tests/benchmarks/stream.py`. Groups of plays
are read, folded and ranked as in a worker, and committed to states on disk; Kafka is left out, so that nothing else
is compared. Both ways fold the same groups in turn, on states of their own. Seconds are those of the
processor, which one thread uses: others on the machine would move a ratio of a few per cent by more than that. Even so
it is no more exact than two per cent; `share` is the part of the time that live quality was seen to take.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.settings import override

from tests.benchmarks.report import Row, report  # isort: skip  before numpy is loaded

import numpy as np

from agents.group_context import GroupContext
from agents.observers.live_quality import LiveQuality
from agents.observers.ordered import Observers
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.plays.decode import read_group
from agents.plays.fold import Folder
from agents.worker import warm_up
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.lists.build import ListBuilder
from state.lists.popularity import LivePopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from streams.consumer.slices import Slice
from streams.outbox import Item
from streams.settings import Settings
from tests.benchmarks.stream import FACTORS, HISTORY, ITEMS, made_up_histories, plays_of
from tests.support.deliveries import Delivered, make_durable
from tests.support.made_up import made_up_factors, made_up_plays, open_made_up

USERS, GROUP, ROUNDS = 5_000, 2_000, 60


class Timed(LiveQuality):
    """Measures its own time, which noise moves less than a difference of two sides.

    Attributes:
        took_s: Seconds of the processor.
    """

    took_s = 0.0

    def learned(self, *arguments: Any) -> None:
        """Score a group."""
        began = time.thread_time()
        super().learned(*arguments)
        self.took_s += time.thread_time() - began


class Side:
    """A worker's work without Kafka."""

    def __init__(self, folder: Path, settings: Settings, generation: Generation) -> None:
        """Begin with nobody."""
        self._settings, self._generation = settings, generation
        catalog, popularity = ItemCatalog(), LivePopularity(settings.popularity)
        self.quality = Timed(settings, popularity, catalog) if settings.telemetry.live_quality else None
        observers = Observers(OutcomeCounts(), self.quality, PopularityObserver(popularity))
        for observer in observers:
            observer.generation_swapped(generation)
        lists = ListBuilder(settings, Ranker(settings.ranking, catalog), popularity)
        self._folder = Folder(settings, lists, list(observers))
        self._state, self._offset = PartitionState(folder), 0

    def take(self, plays: Sequence[Item]) -> float:
        """Fold plays and commit them; return the seconds of the processor that it took."""
        records = [Delivered(offset, *play) for offset, play in enumerate(plays, self._offset)]
        self._offset += len(records)
        began = time.thread_time()
        group = read_group([Slice("plays", 0, records, None)], self._settings)
        context = GroupContext({0: self._state}, self._generation, time.time_ns() // 1_000_000)
        make_durable(self._folder.fold(group, context), context.states)
        return time.thread_time() - began

    def close(self) -> None:
        """End."""
        self._state.close()


def rows() -> list[Row]:
    """Measure both ways in turn."""
    warm_up()
    rng, settings = np.random.default_rng(3), Settings()
    with tempfile.TemporaryDirectory() as folder:
        generation = open_made_up(Path(folder) / "generation", made_up_factors(ITEMS, FACTORS, rng))
        both = {
            name: Side(Path(folder) / name, override(settings, live_quality=name == "with"), generation)
            for name in ("with", "without")
        }
        before = plays_of(made_up_histories(USERS, rng))
        for low in range(0, len(before), GROUP * HISTORY):
            for side in both.values():
                side.take(before[low : low + GROUP * HISTORY])
        seconds: dict[str, list[float]] = {name: [] for name in both}
        quality = both["with"].quality
        assert quality is not None
        quality.took_s = 0.0
        for number in range(ROUNDS):
            plays = made_up_plays(GROUP, USERS, ITEMS, rng, first=number * GROUP)
            for name in sorted(both, reverse=bool(number % 2)):
                seconds[name].append(both[name].take(plays))
        scored = sum(int(counts[0, :, :, 0].sum()) for counts in quality.counts.values())
        for side in both.values():
            side.close()
    looked, without = (GROUP * ROUNDS / sum(rounds) for rounds in seconds.values())
    share = quality.took_s / sum(seconds["with"])
    return [Row("live_quality", looked, "plays/s", without, looked / without, share=share, scored=scored)]


if __name__ == "__main__":
    report(rows())
