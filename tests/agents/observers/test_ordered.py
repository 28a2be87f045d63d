"""The order in which observers see a group, with a real state on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.group_context import GroupContext
from agents.observers.live_quality import POPULAR_EVERY_MS
from agents.observers.ordered import make_observers
from agents.plays.decode import read_group
from state.catalog.item_catalog import ItemCatalog
from state.catalog.unlisted import Unlisted
from state.lists.context import ListContext
from state.lists.popularity import REFRESH_MS, LivePopularity
from state.users.partition import PartitionState
from streams.outbox import Item
from tests.support.deliveries import NOW_MS, folder_of, make_durable, played, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)
USERS = [f"u{number}" for number in range(20)]


class Scene:
    """A worker's observers and folder, one partition, and a generation in which `i0` is the most popular item."""

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        self.popularity = LivePopularity(SETTINGS.popularity)
        self.observers = make_observers(SETTINGS, self.popularity, ItemCatalog())
        self.folder = folder_of(SETTINGS, *self.observers, popularity=self.popularity)
        self.generation = make_generation(folder, popularity={f"i{number}": 100.0 - number for number in range(40)})
        for observer in self.observers:
            observer.generation_swapped(self.generation)
        self.states = {0: PartitionState(folder / "state")}

    def take(self, first: int, now_ms: int, *events: Item) -> None:
        """Fold a group of events."""
        group = read_group([slice_of(0, first, *events)], SETTINGS)
        make_durable(self.folder.fold(group, GroupContext(self.states, self.generation, now_ms)), self.states)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give the scene."""
    prepared = Scene(tmp_path)
    yield prepared
    prepared.states[0].close()


def test_plays_are_scored_against_the_popular_list_of_before(scene: Scene) -> None:
    """An item that a whole group plays is at its old place in the popular list, not at the place that they give it."""
    scene.take(0, NOW_MS, *(played(user, "i0") for user in USERS))

    scene.take(len(USERS), NOW_MS + POPULAR_EVERY_MS, *(played(user, "i30") for user in USERS))

    assert scene.observers.live_quality is not None
    ranks = scene.observers.live_quality.window.entries["popular"].tolist()
    assert [30] * len(USERS) == ranks


def test_every_observer_sees_a_group(scene: Scene) -> None:
    """Outcomes are counted, and the popular list contains the plays of the group."""
    scene.take(0, NOW_MS, *(played(f"{user}-{number}", "i30") for user in USERS for number in range(5)))

    assert 5 * len(USERS) == scene.observers.outcome_counts.n_events["learnt"]
    context = ListContext(scene.generation, NOW_MS + REFRESH_MS)
    popular = scene.popularity.now(context, Unlisted.of(scene.generation))
    assert "i30" == scene.generation.item_ids[popular.rows[0]]


def test_live_quality_may_be_off() -> None:
    """Then two observers are left."""
    settings = settings_with(live_quality=False)

    observers = make_observers(settings, LivePopularity(settings.popularity), ItemCatalog())

    assert [observers.outcome_counts, observers.popularity] == list(observers)
