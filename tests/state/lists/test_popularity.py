"""Popularity under a generation: as trained, kept live, and by kind."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from model.objective import DAY_S, Objective
from model.popularity import popularity_in_time
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation, open_generation, write_generation
from state.generations.revision import write_revision
from state.keys import item_key
from state.lists.context import ListContext
from state.lists.popularity import REFRESH_MS, Kinds, LivePopularity, Popular, most_played, popular_as_trained
from tests.support.generations import FIRST_ID, SECOND_ID, catalog_of, make_generation, manifest_of
from tests.support.settings import settings_with

DAYS = 30.0
SETTINGS = settings_with(popular_half_life_days=DAYS)
AS_OF_S = 1_700_000_000
NOW_MS = 1000 * (AS_OF_S + 400 * DAY_S)
WORTH = {"i7": 9.0, "i21": 5.0, "i3": 4.0}


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation whose plays are as of a moment, of listeners with ten plays each."""
    return written(tmp_path, FIRST_ID)


def written(folder: Path, generation_id: str) -> Generation:
    """Write a generation and open it."""
    manifest = msgspec.structs.replace(
        manifest_of(generation_id, Objective(factors=8), 40), n_users=5, n_plays=50, popularity_as_of_s=AS_OF_S
    )
    write_generation(folder / generation_id, manifest, catalog_of(popularity=WORTH))
    return open_generation(folder / generation_id)


def live_under(generation: Generation) -> LivePopularity:
    """Return live popularity under a generation."""
    live = LivePopularity(SETTINGS.popularity)
    live.generation_swapped(generation)
    return live


def learn(live: LivePopularity, generation: Generation, *plays: tuple[str, float, float]) -> None:
    """Have plays learnt: item, weight, days since the moment of the generation."""
    keys = np.array([item_key(item) for item, _, _ in plays], np.uint64)
    weights = np.array([weight for _, weight, _ in plays], np.float32)
    times = np.array([AS_OF_S + days * DAY_S for _, _, days in plays], np.uint32)
    live.learn(generation, keys, weights, times, NOW_MS // 1000)


def plays_of(generation: Generation, live: LivePopularity, n: int = 3) -> dict[str, float]:
    """Return the n most popular items, and their decayed plays."""
    popular = live.lists(n, Unlisted.of(generation))["all"]
    return dict(zip(generation.item_ids[popular.rows].tolist(), popular.plays.tolist(), strict=True))


def test_it_begins_with_the_generation(generation: Generation) -> None:
    """The same items, plays and preferences as were trained: ten plays a listener, by the items' shares."""
    live, unlisted = live_under(generation), Unlisted.of(generation)

    trained, live_list = popular_as_trained(generation, unlisted), live.now(ListContext(generation, NOW_MS), unlisted)

    assert {"i7": 9.0, "i21": 5.0, "i3": 4.0} == plays_of(generation, live)
    assert AS_OF_S == live.as_of_s
    for expected, column in zip(trained, live_list, strict=True):
        np.testing.assert_allclose(expected, column)
    total = 9 + 5 + 4 + 37
    np.testing.assert_allclose(10 * np.array([5, 4]) / total, live_list.preference[live_list.rows[1:3]], rtol=1e-6)
    assert 1.0 == live_list.preference[live_list.rows[0]]


def test_plays_count_by_their_age(generation: Generation) -> None:
    """A month later the old ones count half; a play of that time counts in full, an older one as its time says."""
    live = live_under(generation)

    learn(live, generation, ("i21", 3.0, DAYS), ("i3", 2.0, 0.0), ("i7", -8.0, DAYS), ("nobody knows", 50.0, DAYS))

    assert AS_OF_S + DAYS * DAY_S == live.as_of_s
    assert pytest.approx({"i21": 5.5, "i7": 4.5, "i3": 3.0}) == plays_of(generation, live)


def test_what_is_popular_is_looked_for_now_and_then(generation: Generation) -> None:
    """Not at every play, since that is a look at the whole catalog."""
    live, unlisted = live_under(generation), Unlisted.of(generation)
    before = live.now(ListContext(generation, NOW_MS), unlisted)
    learn(live, generation, ("i21", 30.0, 0.0))

    assert live.now(ListContext(generation, NOW_MS + REFRESH_MS - 1), unlisted) is before
    assert ["i21", "i7"] == generation.item_ids[
        live.now(ListContext(generation, NOW_MS + REFRESH_MS), unlisted).rows[:2]
    ].tolist()


def test_another_generation_begins_anew(generation: Generation, tmp_path: Path) -> None:
    """Its own plays, in its own rows, contain all plays until its training."""
    live, other = live_under(generation), written(tmp_path, SECOND_ID)
    learn(live, generation, ("i3", 100.0, 0.0))

    live.generation_swapped(other)

    assert {"i7": 9.0, "i21": 5.0, "i3": 4.0} == plays_of(other, live)


def test_what_nobody_gets_is_not_popular(generation: Generation, tmp_path: Path) -> None:
    """From the revision on that leaves it out, and from the moment on at which it is not available."""
    live = live_under(generation)
    live.now(ListContext(generation, NOW_MS), Unlisted.of(generation))
    write_revision(generation, tmp_path / FIRST_ID, 1, ["i7"], 1)

    revised = open_generation(tmp_path / FIRST_ID)
    live.revision_swapped(revised)

    assert ["i21", "i3"] == revised.item_ids[
        live.now(ListContext(revised, NOW_MS), Unlisted.of(revised)).rows[:2]
    ].tolist()
    assert ["i21", "i3"] == list(plays_of(revised, live, 2))
    unavailable = Unlisted.of(revised, revised.rows_of(np.array([item_key("i21")], np.uint64)))
    assert "i3" == revised.item_ids[live.now(ListContext(revised, NOW_MS), unavailable).rows[0]]


def test_every_kind_has_its_own_list(generation: Generation) -> None:
    """The most popular of its items; a kind without items has none; an item of no known kind is in the list of all."""
    ids = generation.item_ids.tolist()
    codes = np.full(len(ids), -1, np.int16)
    for item, code in {"i21": 0, "i3": 0, "i1": 2}.items():
        codes[ids.index(item)] = code

    lists = live_under(generation).lists(2, Unlisted.of(generation), Kinds(("song", "none", "film", "all"), codes))

    assert {"all": ["i7", "i21"], "song": ["i21", "i3"], "film": ["i1"]} == {
        kind: generation.item_ids[popular.rows].tolist() for kind, popular in lists.items()
    }


def without(generation: Generation, *items: str) -> Unlisted:
    """Return the items that no list contains while some items are unavailable."""
    return Unlisted.of(generation, np.flatnonzero(np.isin(generation.item_ids.astype(str), items)).astype(np.int32))


def test_what_goes_is_popular_no_more_at_once(generation: Generation) -> None:
    """Although popularity is sorted once a second; the next sorting fills the free places."""
    live = live_under(generation)
    live.now(ListContext(generation, NOW_MS), Unlisted.of(generation))

    at_once = live.now(ListContext(generation, NOW_MS + 1), without(generation, "i7"))
    later = live.now(ListContext(generation, NOW_MS + REFRESH_MS), without(generation, "i7", "i3"))

    assert ["i21", "i3"] == generation.item_ids[at_once.rows[:2]].tolist()
    assert [5.0, 4.0] == at_once.plays[:2].tolist()
    assert 39 == len(at_once.rows)
    assert 38 == len(later.rows)
    assert "i3" not in generation.item_ids[later.rows]


def test_lists_of_kinds_are_without_unavailable_items(generation: Generation) -> None:
    """So is that of all; a kind of which nothing is available has none."""
    codes = np.where(generation.item_ids == "i1", 1, 0).astype(np.int16)

    lists = live_under(generation).lists(2, without(generation, "i7", "i1"), Kinds(("song", "film"), codes))

    assert {"all": ["i21", "i3"], "song": ["i21", "i3"]} == {
        kind: generation.item_ids[popular.rows].tolist() for kind, popular in lists.items()
    }


def test_an_older_generation_does_not_say_when_its_plays_were(tmp_path: Path) -> None:
    """They count beside the first plays that are learnt as if they were of the same time."""
    old, live = make_generation(tmp_path, popularity=WORTH), LivePopularity(SETTINGS.popularity)
    live.generation_swapped(old)
    assert 0 == old.manifest.popularity_as_of_s

    learn(live, old, ("i3", 2.0, -3000.0))

    assert pytest.approx({"i7": 9.0, "i3": 6.0, "i21": 5.0}) == plays_of(old, live)


def test_live_plays_are_those_of_the_next_training(generation: Generation) -> None:
    """One play an item: a worker's counts are those of the histories of the same plays."""
    live, ids = live_under(generation), ["i7", "i21", "i3", "i21"]
    days, rows = [3.0, 40.0, 90.0, 12.0], generation.rows_of(np.array([item_key(i) for i in ids], np.uint64))
    learn(live, generation, *((item, 1.0, day) for item, day in zip(ids, days, strict=True)))
    times = np.array([AS_OF_S + day * DAY_S for day in days], np.uint32)
    half_life_s = DAYS * DAY_S

    expected, as_of_s = popularity_in_time(np.ones(4, np.float32), times, rows, 40, half_life_s, NOW_MS // 1000)

    begun = generation.popularity * 0.5 ** ((as_of_s - AS_OF_S) / half_life_s)
    popular = live.lists(40, Unlisted.of(generation))["all"]
    np.testing.assert_allclose((expected + begun)[popular.rows], popular.plays, rtol=1e-5)


@pytest.mark.parametrize(("expected", "plays"), [(True, [3.0, 0.0]), (True, [0.0, 3.0]), (False, [0.0, 0.0])])
def test_a_popularity_without_plays_says_so(expected: bool, plays: list[float]) -> None:  # noqa: FBT001  a parameter
    """Also if the items with plays are not among the listed ones."""
    preference = np.array(plays, np.float32)

    assert expected == Popular(np.array([0], np.int32), preference[:1], preference).is_played


def test_ties_stand_by_row_and_nothing_left_is_no_row() -> None:
    """However many are wanted."""
    plays = np.array([1.0, 2.0, 1.0, 2.0])

    assert [1, 3, 0] == most_played(plays, 3, np.zeros(0, np.int32)).tolist()
    assert [3, 2] == most_played(plays, 9, np.array([0, 1], np.int32)).tolist()
    assert [] == most_played(plays, 9, np.arange(4, dtype=np.int32)).tolist()
