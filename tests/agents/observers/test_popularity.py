"""A group's plays change the popularity of items."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.group_context import GroupContext
from agents.observers.popularity import PopularityObserver
from agents.plays.decode import read_group
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.popularity import LivePopularity
from state.users.partition import PartitionState
from streams.consumer.slices import Slice
from tests.support.deliveries import FIRST_S, NOW_MS, folder_of, lists_of, make_durable, played, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=3, item_weight_max=4.0)


class Scene:
    """A partition under a generation in which `i7` is popular, then `i21`."""

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        self.states = {0: PartitionState(folder / "state")}
        self.generation: Generation = make_generation(folder, popularity={"i7": 9.0, "i21": 5.0})
        self.popular = LivePopularity(SETTINGS.popularity)
        self.popular.generation_swapped(self.generation)
        self.folder = folder_of(SETTINGS, PopularityObserver(self.popular), popularity=self.popular)

    def fold(self, part: Slice) -> dict[str, list[str]]:
        """Fold a slice; return the lists that go out."""
        group = read_group([part], SETTINGS)
        changes = self.folder.fold(group, GroupContext(self.states, self.generation, NOW_MS))
        make_durable(changes, self.states)
        return {user: a_list.items for user, a_list in lists_of(changes).items()}

    def worth(self, item: str) -> float:
        """Return the decayed plays of an item."""
        popular = self.popular.lists(40, Unlisted.of(self.generation))["all"]
        plays = dict(zip(self.generation.item_ids[popular.rows].tolist(), popular.plays.tolist(), strict=True))
        return float(plays[item])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a scene."""
    made = Scene(tmp_path)
    yield made
    made.states[0].close()


def test_a_listener_counts_once(scene: Scene) -> None:
    """A second play adds nothing, nor does a play that is delivered again, or a skip."""
    part = slice_of(0, 0, played("ann", "i3"), played("ann", "i3", play_id="x"), played("ben", "i3", type="skip"))
    scene.fold(part)
    before = scene.worth("i3")
    scene.fold(part)
    scene.fold(slice_of(0, 3, played("ann", "i3", play_id="x")))

    assert pytest.approx(1.0 + 1.0) == before == scene.worth("i3")


def test_what_a_robot_plays_too_often_does_not_count(scene: Scene) -> None:
    """Signals above the limit of an item for one listener add nothing here either."""
    scene.fold(slice_of(0, 0, *[played("robot", "i3")] * 200))
    once = scene.worth("i3")
    scene.fold(slice_of(0, 200, *[played("robot", "i3")] * 200))

    assert once == scene.worth("i3")


def test_one_listener_does_not_lead_the_popular_list(scene: Scene) -> None:
    """Two listeners that play an item once outweigh one listener with 500 plays of another item."""
    scene.fold(slice_of(0, 0, *[played("fan", "i3")] * 500))
    scene.fold(slice_of(0, 500, played("ben", "i4"), played("cem", "i4")))

    assert pytest.approx(1.0 + 1.0) == scene.worth("i3")
    assert pytest.approx(1.0 + 2.0) == scene.worth("i4")


def test_a_later_play_keeps_a_listener_fresh(scene: Scene) -> None:
    """The contribution is as of the latest play: a listener of today outweighs one of 30 days ago."""
    month_s = 30 * 86_400
    scene.fold(slice_of(0, 0, played("ann", "i3", FIRST_S), played("ben", "i4", FIRST_S)))
    scene.fold(slice_of(0, 2, played("ann", "i3", FIRST_S + month_s)))

    assert pytest.approx(2 * (scene.worth("i4") - 0.5 * 1.0) + 0.5 * 1.0, rel=1e-3) == scene.worth("i3")


def test_a_play_is_in_the_popular_list_of_the_same_group(scene: Scene) -> None:
    """A listener without usable plays sees the items that are popular now, not those of the training."""
    lists = scene.fold(slice_of(0, 0, *(played(f"u{n}", "i3") for n in range(20)), played("cem", "nobody knows")))

    assert ["i3", "i7", "i21"] == lists["cem"]


def test_before_a_generation_nothing_is_counted(scene: Scene) -> None:
    """There are no rows to count in."""
    group = read_group([slice_of(0, 0, played("ann", "i3", FIRST_S))], SETTINGS)

    scene.folder.fold(group, GroupContext(scene.states, None, NOW_MS))

    assert 1.0 == scene.worth("i3")
