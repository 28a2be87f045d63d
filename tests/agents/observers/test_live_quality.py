"""How good lists are, by the plays that a worker folds, with real states on disk and no Kafka."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from agents.group_context import GroupContext
from agents.observers.live_quality import FIGURES, GENERATIONS_MAX, LISTS, POPULAR_EVERY_MS, LiveQuality
from agents.observers.quality_window import OLDER
from agents.plays.decode import read_group
from model.evaluation.rank_metrics import HISTORY_KINDS
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.keys import item_key
from state.lists.context import ListContext
from state.lists.popularity import LivePopularity, Popularity, TrainedPopularity
from state.users.partition import PartitionState
from streams.outbox import Item
from streams.settings import Settings, override
from tests.support.deliveries import FIRST_S, NOW_MS, folder_of, lists_of, make_durable, played, refold, slice_of
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)
POPULARITY = {f"i{number}": 100.0 - number for number in range(38)} | {"i38": 3.0, "i39": 1.0}
"""The most popular item is `i0`; two are fresh."""


def live_quality(settings: Settings = SETTINGS, popularity: Popularity | None = None) -> LiveQuality:
    """Return an observer; without `popularity` by what was popular in the training."""
    return LiveQuality(settings, popularity or TrainedPopularity(), ItemCatalog())


class Scene:
    """One partition, a generation in service, and what is scored."""

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

    def counted(self, which: str = "own", name: str = FIRST_ID) -> list[float]:
        """Return the figures of one kind of list, over all kinds of plays."""
        counts = self.quality.counts.get(name, np.zeros((2, 3, 2, 4)))
        return [round(count, 6) for count in counts[LISTS.index(which)].sum(axis=(0, 1)).tolist()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give the scene."""
    prepared = Scene(tmp_path)
    yield prepared
    prepared.states[0].close()


def event(kind: str, user: str, **fields: object) -> Item:
    """Return an event that is no play."""
    return user.encode(), msgspec.json.encode({"type": kind, "user_id": user, **fields})


def test_a_first_play_is_not_scored(scene: Scene) -> None:
    """No list existed before it."""
    scene.take(played("ann", "i1"))

    assert {} == scene.quality.counts
    assert [] == scene.quality.window.entries.tolist()


def test_a_play_is_looked_for_in_the_list_that_was_published(scene: Scene) -> None:
    """At its rank there, under the generation that made it; and in the popular list, without what is known."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(played("ann", listed[2]))

    assert [1, 1, 1, round(1 / 3, 6)] == scene.counted()
    place = 1 + int(listed[2][1:]) - (int(listed[2][1:]) > 1)
    assert [1, place <= 10, 1, round(1 / place, 6)] == scene.counted("popular")


def test_a_play_of_what_is_in_no_list_is_a_miss(scene: Scene) -> None:
    """An item that the generation does not know is one, and fresh; a later play of it is a repeat."""
    scene.take(played("ann", "i1"))

    scene.take(played("ann", "unheard of"))
    scene.take(played("ann", "unheard of"))

    assert [1, 0, 0, 0] == scene.counted()
    assert [1, 0, 0, 0] == scene.counted("popular")
    assert 1 == scene.quality.counts[FIRST_ID][0, 0, 1, 0]


def test_items_are_fresh_while_the_generation_knows_few_plays_of_them(scene: Scene) -> None:
    """Fewer than 20."""
    scene.take(played("ann", "i1"))

    scene.take(played("ann", "i37"), played("ann", "i38"), played("ann", "i39"))

    assert [1, 2] == scene.quality.counts[FIRST_ID][0, 0, :, 0].tolist()


def test_listeners_are_told_apart_by_what_they_knew(scene: Scene) -> None:
    """Up to 4 items, up to 19, or more; a repeat is no further item."""
    scene.take(*(played("repeating", "i1") for _ in range(9)))
    scene.take(played("repeating", "i30"))
    for n, user in ((1, "new"), (4, "newish"), (5, "few"), (19, "fewer"), (20, "many")):
        scene.take(*(played(user, f"i{number}") for number in range(n)))
        scene.take(played(user, "i30"))

    counted = scene.quality.counts[FIRST_ID][0, :, :, FIGURES.index("plays")].sum(axis=1)
    assert dict(zip(HISTORY_KINDS, (3, 2, 1), strict=True)) == dict(zip(HISTORY_KINDS, counted.tolist(), strict=True))


def test_several_plays_of_a_group_are_looked_for_in_one_list(scene: Scene) -> None:
    """In the one from before the group; the same item counts once."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(played("ann", listed[0]), played("ann", listed[0]), played("ann", listed[4]))

    assert [2, 2, 2, 1.2] == scene.counted()


def test_a_play_that_is_delivered_again_is_not_scored_again(scene: Scene) -> None:
    """Nor is a client's own retry."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(played("ann", listed[0], play_id="a"), played("ann", listed[1]))
    scene.take(played("ann", listed[0], play_id="a"), played("ann", listed[1]), first=1)
    scene.take(played("ann", listed[0], play_id="a"))

    assert 2 == scene.counted()[0]


@pytest.mark.parametrize(
    "wish",
    [event("pause", "ann"), event("forget", "ann")],
    ids=["paused", "forgotten"],
)
def test_what_is_not_learnt_or_begins_anew_is_not_scored(scene: Scene, wish: Item) -> None:
    """A paused listener's plays say nothing, and who was forgotten had no list."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(wish, played("ann", listed[0]))

    assert {} == scene.quality.counts


def test_private_plays_likes_and_skips_are_not_scored(scene: Scene) -> None:
    """A like is no play; but what was liked is known."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(played("ann", listed[0], private=True), played("ann", listed[1], type="skip"))
    scene.take(played("ann", listed[2], type="like"), played("ann", listed[2]))

    assert {} == scene.quality.counts


def test_the_popular_list_has_nothing_that_was_hidden(scene: Scene) -> None:
    """As the listener's own list has not."""
    scene.take(played("ann", "i1"), event("hide", "ann", item_id="i0"))

    scene.take(played("ann", "i2"))
    scene.take(played("ann", "i0"))

    assert [2, 1, 1, 1] == scene.counted("popular")


@pytest.mark.parametrize(
    ("settings", "ranks"),
    [
        (override(SETTINGS, known_items="include"), [2, 3, 4]),
        (override(SETTINGS, repeat_after_plays=2), [1, 1, 2]),
    ],
    ids=["known items included", "repeated after 2 plays"],
)
def test_the_popular_list_has_what_is_known_where_lists_have_it(
    tmp_path: Path, settings: Settings, ranks: list[int]
) -> None:
    """From when the listener's own list may hold it again."""
    scene = Scene(tmp_path, settings)
    scene.take(played("ann", "i0"))

    for item in ("i1", "i2", "i3"):
        scene.take(played("ann", item))

    assert ranks == [entry[1] for entry in scene.quality.window.entries.tolist()]
    scene.states[0].close()


def test_the_popular_list_has_nothing_that_was_shown_too_often(tmp_path: Path) -> None:
    """While it cools down."""
    scene = Scene(tmp_path, override(SETTINGS, cooldown_shows=1))
    scene.take(played("ann", "i1"), event("shown", "ann", item_ids=["i0"]))

    scene.take(played("ann", "i2"))

    assert [1, 1, 1, 1] == scene.counted("popular")
    scene.states[0].close()


def test_a_hit_is_that_of_the_generation_that_made_the_list(scene: Scene) -> None:
    """Until a listener is folded again under the next one."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.serve(make_generation(scene.folder / "generations", SECOND_ID, seed=1))

    again = scene.take(played("ann", listed[0]))["ann"]
    scene.take(played("ann", again[0]))

    assert [1, 1, 1, 1] == scene.counted(name=FIRST_ID)
    assert [1, 1, 1, 1] == scene.counted(name=SECOND_ID)


def test_a_generation_that_was_not_in_service_has_no_name(scene: Scene) -> None:
    """A worker that was started after the swap knows only its key."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.quality = live_quality()
    scene.serve(make_generation(scene.folder / "generations", SECOND_ID, seed=1))

    scene.take(played("ann", listed[0]))

    assert [1, 1, 1, 1] == scene.counted(name=OLDER)


def test_few_generations_are_told_apart(scene: Scene) -> None:
    """The counts of older ones are dropped; one that comes back is among the latest again."""
    ids = [f"2026-02-0{number}T00-00-00.000Z" for number in range(1, 6)]
    for number, generation_id in enumerate(ids):
        generation = make_generation(scene.folder / "generations", generation_id, seed=number)
        scene.serve(generation)
        changes = refold({0: [b"ann"]}, scene.states, generation, SETTINGS, NOW_MS)
        make_durable(changes, scene.states)
        scene.take(played("ann", f"i{number}"))

    assert ids[-GENERATIONS_MAX:] == list(scene.quality.counts)
    assert [1.0] * GENERATIONS_MAX == [scene.counted(name=name)[0] for name in scene.quality.counts]


def test_without_a_generation_nothing_is_scored(scene: Scene) -> None:
    """Nor in a group without any event that could be read."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.take((b"ann", b"no play"))

    scene.generation = None
    scene.take(played("ann", listed[0]))

    assert {} == scene.quality.counts


def test_the_window_holds_what_was_counted(scene: Scene) -> None:
    """Play by play."""
    listed = scene.take(played("ann", "i1"))["ann"]
    again = scene.take(played("ann", listed[1]))["ann"]
    scene.take(played("ann", "i39"))

    entries: Sequence[tuple[int, ...]] = scene.quality.window.entries.tolist()

    own_rank = 1 + again.index("i39") if "i39" in again else 0
    assert scene.generation is not None
    assert [(2, 0, False), (own_rank, 0, True)] == [(entry[0], entry[2], entry[3]) for entry in entries]
    assert {scene.generation.key} == {entry[4] for entry in entries}


def test_what_is_popular_now_is_what_counts(scene: Scene) -> None:
    """As of the last ten seconds; another generation is looked at anew."""
    popular, generation = LivePopularity(SETTINGS.popularity), scene.generation
    quality = live_quality(popularity=popular)
    assert generation is not None
    popular.generation_swapped(generation)
    quality.generation_swapped(generation)
    row = generation.rows_of(np.array([item_key("i39")], np.uint64))
    first = quality.popular_rows(ListContext(generation, NOW_MS))
    key, worth, at_s = np.array([item_key("i39")]), np.array([1e6], np.float32), np.array([FIRST_S], np.uint32)
    popular.learn(generation, key, worth, at_s, FIRST_S)

    soon = quality.popular_rows(ListContext(generation, NOW_MS + POPULAR_EVERY_MS - 1))
    later = quality.popular_rows(ListContext(generation, NOW_MS + POPULAR_EVERY_MS))
    other = make_generation(scene.folder / "generations", SECOND_ID, popularity=POPULARITY)

    assert soon.tolist() == first.tolist() != later.tolist()
    assert row[0] == later[0]
    popular.generation_swapped(other)
    quality.generation_swapped(other)
    rows = quality.popular_rows(ListContext(other, NOW_MS + POPULAR_EVERY_MS))
    assert list(POPULARITY) == other.item_ids[rows].tolist()
