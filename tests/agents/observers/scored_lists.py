"""Live quality with a generation and published lists."""

from pathlib import Path

import numpy as np

from agents.group_context import GroupContext
from agents.observers.live_quality import LISTS, LiveQuality
from agents.plays.decode import read_group
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.lists.popularity import Popularity, TrainedPopularity
from state.users.partition import PartitionState
from streams.outbox import Item
from streams.settings import Settings
from tests.support.deliveries import NOW_MS, folder_of, lists_of, make_durable, slice_of
from tests.support.generations import FIRST_ID, make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)
POPULARITY = {f"i{number}": 100.0 - number for number in range(38)} | {"i38": 3.0, "i39": 1.0}
"""The most popular item is `i0`; two are fresh."""


def live_quality(settings: Settings = SETTINGS, popularity: Popularity | None = None) -> LiveQuality:
    """Return an observer; without `popularity`, by the popularity of the training."""
    return LiveQuality(settings, popularity or TrainedPopularity(), ItemCatalog())


class Scene:
    """One partition, a generation in service, and scored plays."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        """Begin with nobody."""
        self.folder, self.settings = folder, settings
        self.states = {0: PartitionState(folder / "state")}
        self.quality = live_quality(settings)
        self.offset = 0
        self.generation: Generation | None = None
        self.serve(make_generation(folder / "generations", popularity=POPULARITY))

    def serve(self, generation: Generation) -> None:
        """Take a generation into service."""
        self.generation = generation
        self.quality.generation_swapped(generation)

    def take(self, *events: Item, first: int | None = None) -> dict[str, list[str]]:
        """Fold a group of events; return the lists that went out."""
        first = self.offset if first is None else first
        self.offset = max(self.offset, first + len(events))
        group = read_group([slice_of(0, first, *events)], self.settings)
        context = GroupContext(self.states, self.generation, NOW_MS)
        changes = folder_of(self.settings, self.quality).fold(group, context)
        make_durable(changes, self.states)
        return {user: a_list.items for user, a_list in lists_of(changes).items()}

    def counted(self, list_name: str = "own", name: str = FIRST_ID) -> list[float]:
        """Return the figures of one kind of list, over all kinds of plays."""
        counts = self.quality.counts.get(name, np.zeros((2, 3, 2, 4)))
        return [round(count, 6) for count in counts[LISTS.index(list_name)].sum(axis=(0, 1)).tolist()]
