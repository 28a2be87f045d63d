"""Lists of users with few known items, compared with the definition."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model.arrays import Doubles
from model.blend import preferences
from model.objective import Objective
from model.score_variance import score_variances_plain
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation, open_generation, write_generation
from state.keys import item_key
from state.lists.build import kinds_of
from state.lists.context import ListContext
from state.lists.popularity import Popular, TrainedPopularity
from state.lists.ranker import Ranker
from state.users.record import HistoryEntry, UserRecord
from state.users.record_batch import unpack
from streams.settings import override
from tests.support.generations import FIRST_ID, build_lists, catalog_of, dense_vector, manifest_of
from tests.support.settings import settings_with

FACTORS = 8
SETTINGS = settings_with(factors=FACTORS, list_n=10, popular_blend=1.5, blend_items_max=2)
WORTH = {f"i{number}": 100.0 / (1 + number) for number in range(40)}


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation of 40 items, of listeners with four plays each."""
    manifest = manifest_of(FIRST_ID, Objective(factors=FACTORS), 40)
    manifest = msgspec.structs.replace(manifest, n_users=10, n_plays=40)
    write_generation(tmp_path / FIRST_ID, manifest, catalog_of(popularity=WORTH))
    return open_generation(tmp_path / FIRST_ID)


def listener(*items: int, value: float = 1.0) -> UserRecord:
    """Return a user with one play each of these items, in this order."""
    history = [HistoryEntry(item_key(f"i{item}"), value, number, 100) for number, item in enumerate(items, 1)]
    return UserRecord(plays=len(items), history=history)


def blended_scores(user: UserRecord, generation: Generation, strength: float) -> Doubles:
    """Return every item's blended score, from dense solutions in double precision."""
    objective = generation.manifest.objective
    x = dense_vector(user, generation)
    personal = generation.item_factors.astype(np.float64) @ x
    rows = generation.rows_of(np.array([entry.item_key for entry in user.history], np.uint64))
    personal[rows] = -np.inf
    ages = np.array([user.plays - entry.touched_at_play for entry in user.history])
    weights = np.array([entry.value for entry in user.history]) * 0.5 ** (ages / objective.half_life_plays)
    fixed = generation.fixed_items
    c = objective.confidences(weights)
    variance = score_variances_plain(rows, c, fixed, float(objective.row_regularization(len(rows)))).sum()
    none = np.zeros(0, np.int32), np.zeros(0, np.float32)
    prior = score_variances_plain(*none, fixed, float(objective.row_regularization(1))).sum()
    preference = preferences(generation.popularity, generation.manifest.plays_per_listener)
    return np.asarray(personal + strength * variance / prior * personal.max() * preference)


def test_a_newcomer_gets_a_blended_list(generation: Generation) -> None:
    """Own scores and popular parts by the variance left; others' lists are as they were; nobody known: the popular."""
    users = [listener(3), listener(9, 14), listener(1, 2, 3), UserRecord(), listener(30)]
    records, plain = (unpack([user.encode() for user in users], FACTORS) for _ in range(2))

    lists = build_lists(records, generation, SETTINGS)
    personal = build_lists(plain, generation, override(SETTINGS, popular_blend=0.0))

    assert ["blended", "blended", "personal", "popular", "blended"] == kinds_of(lists)
    assert ["personal", "personal", "personal", "popular", "personal"] == kinds_of(personal)
    for number in (0, 1, 4):
        scores = blended_scores(users[number], generation, SETTINGS.popularity.blend)
        np.testing.assert_allclose(np.sort(scores)[::-1][:10], lists.scores[number], atol=1e-5)
        np.testing.assert_allclose(scores[lists.rows[number]], lists.scores[number], atol=1e-5)
        assert personal.rows[number].tolist() != lists.rows[number].tolist()
    for number in (2, 3):
        assert personal.rows[number].tolist() == lists.rows[number].tolist()
        assert personal.scores[number].tolist() == lists.scores[number].tolist()
    np.testing.assert_array_equal(plain.vectors, records.vectors)


def test_every_listener_is_ranked_once(generation: Generation) -> None:
    """A blended list needs no second ranking, and the popular list none."""
    ranker, users = Ranker(SETTINGS.ranking), [listener(3), listener(1, 2, 3), UserRecord()]

    lists = build_lists(unpack([user.encode() for user in users], FACTORS), generation, SETTINGS, ranker)

    assert ["blended", "personal", "popular"] == kinds_of(lists)
    assert {"exact": 2, "annoy": 0} == ranker.n_lists


def test_what_a_newcomer_hid_is_not_in_a_blended_list(generation: Generation) -> None:
    """However popular and highly scored it is; withdrawn and known items are left out as well."""
    hidden = [item_key(f"i{number}") for number in (0, 1, 5)]
    user = replace(listener(2), hidden=hidden)

    lists = build_lists(unpack([user.encode()], FACTORS), generation, SETTINGS)

    items = generation.item_ids[lists.rows[0]].tolist()
    assert ["blended"] == kinds_of(lists)
    assert not {"i0", "i1", "i2", "i5"} & set(items)
    assert 10 == len(set(items))


def test_what_is_unavailable_is_not_in_a_blended_list(generation: Generation) -> None:
    """However popular it is; the list is the best of all others."""
    ranker, user = Ranker(SETTINGS.ranking), listener(2)
    for item in ("i0", "i1", "i5"):
        ranker.catalog.on_record(item.encode(), f'{{"item_id": "{item}", "available_until_ms": 9}}'.encode())

    lists = [
        build_lists(unpack([user.encode()], FACTORS), generation, SETTINGS, ranker, now_ms=now_ms) for now_ms in (8, 9)
    ]

    scores = blended_scores(user, generation, SETTINGS.popularity.blend)
    gone = np.isin(generation.item_ids.astype(str), ["i0", "i1", "i5"])
    assert ["blended", "blended"] == [kinds_of(blended)[0] for blended in lists]
    assert gone[lists[0].rows[0]].any()
    assert not gone[lists[1].rows[0]].any()
    np.testing.assert_allclose(np.sort(np.where(gone, -np.inf, scores))[::-1][:10], lists[1].scores[0], atol=1e-5)


def test_a_skip_alone_makes_nobody_known(generation: Generation) -> None:
    """A listener with signals against items alone gets the popular list."""
    lists = build_lists(unpack([listener(0, value=-1.0).encode()], FACTORS), generation, SETTINGS)

    assert ["popular"] == kinds_of(lists)


def test_where_nothing_is_popular_nothing_is_blended(generation: Generation) -> None:
    """A generation that does not know how much listeners play has no preferences."""

    class NothingPopular(TrainedPopularity):
        """Popularity without any preference."""

        def now(self, context: ListContext, unlisted: Unlisted) -> Popular:
            """Return the items as trained."""
            return super().now(context, unlisted)._replace(preference=np.zeros(40, np.float32))

    lists = build_lists(unpack([listener(3).encode()], FACTORS), generation, SETTINGS, popularity=NothingPopular())

    assert ["personal"] == kinds_of(lists)
