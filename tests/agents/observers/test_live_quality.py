"""How good lists are, by the plays that a worker folds, with real states on disk and no Kafka."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from agents.observers.live_quality import FIGURES, POPULAR_EVERY_MS
from model.evaluation.rank_metrics import HISTORY_KINDS
from state.keys import item_key
from state.lists.context import ListContext
from state.lists.popularity import LivePopularity
from streams.outbox import Item
from streams.settings import Settings, override
from tests.agents.observers.scored_lists import POPULARITY, SETTINGS, Scene, live_quality
from tests.support.deliveries import FIRST_S, NOW_MS, played
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation


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
    """At its rank there, under the generation of the list; and in the popular list without known items."""
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
    """A paused listener's plays are not scored, and a forgotten listener had no list."""
    listed = scene.take(played("ann", "i1"))["ann"]

    scene.take(wish, played("ann", listed[0]))

    assert {} == scene.quality.counts


def test_private_plays_likes_and_skips_are_not_scored(scene: Scene) -> None:
    """A like is no play, but a liked item is known."""
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
