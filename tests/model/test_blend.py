"""Lists between a listener's own scores and the popular items."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import blend
from model.above_bar import top_n_above
from model.arrays import Floats, Rows
from model.best_of import Addition, best_of_plain
from model.blend import PopularPart, blended_top_n, popular_parts, preferences
from model.ragged import RaggedRows, ragged_rows
from model.ranking import BoundedItems, top_n
from tests.support.ranks import (
    ROUNDOFF,
    ItemScores,
    assert_same_lists,
    assert_same_scores,
    scores_of_vectors,
    without,
)

N_ITEMS, FACTORS, N = 300, 8, 10
HUGE = 1e6
"""A popular part beside which own scores are nothing."""


class Scene:
    """Users, items sorted by norm, and their popularity, drawn by a seed."""

    def __init__(self, seed: int, n_users: int = 6) -> None:
        """Draw everything."""
        rng = np.random.default_rng(seed)
        items = rng.standard_normal((N_ITEMS, FACTORS)).astype(np.float32) * rng.gamma(1.0, 0.3, (N_ITEMS, 1))
        self.items: Floats = items[np.argsort(-np.linalg.norm(items, axis=1))].astype(np.float32)
        self.queries: Floats = rng.standard_normal((n_users, FACTORS)).astype(np.float32)
        self.preference = preferences(rng.pareto(1.0, N_ITEMS), 1.0)
        self.withdrawn: Rows = np.sort(rng.choice(N_ITEMS, 20, replace=False)).astype(np.int32)
        order = np.argsort(-self.preference, kind="stable").astype(np.int32)
        self.popular: Rows = order[~np.isin(order, self.withdrawn)]
        self.known = RaggedRows(np.arange(n_users + 1) * 4, rng.integers(-1, N_ITEMS, n_users * 4).astype(np.int32))

    def personal(self, n: int) -> tuple[Rows, Floats]:
        """Return the best by own scores."""
        bounded = BoundedItems(self.items, np.linalg.norm(self.items, axis=1))
        return top_n(self.queries, bounded, self.known, n, withdrawn_rows=self.withdrawn)

    def blended(self, parts: Floats, n_personal: int, n_popular: int) -> tuple[Rows, Floats]:
        """Return the best by blended scores, found among so many of each list."""
        popular, personal = PopularPart(parts, self.preference, self.popular[:n_popular]), self.personal(n_personal)
        items = BoundedItems(self.items, np.linalg.norm(self.items, axis=1))
        return blended_top_n(self.queries, items, popular, personal, self.known, N, self.withdrawn)

    def blended_scores(self, parts: Floats) -> ItemScores:
        """Return the blended scores of all items, by the definition."""
        widened, items = np.column_stack((self.queries, parts)), np.column_stack((self.items, self.preference))
        scores = scores_of_vectors(widened, items, self.known, relative_error=0)
        return scores.without_items(self.withdrawn)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 3.0, 100.0]), st.sampled_from([10, 40]))
def test_a_blended_list_is_that_of_all_blended_scores(seed: int, part: float, n_candidates: int) -> None:
    """However few candidates it is looked for in, and however strong the popular part; known and withdrawn are out."""
    scene = Scene(seed)
    parts = np.linspace(0, part, len(scene.queries)).astype(np.float32)

    rows, scores = scene.blended(parts, n_candidates, n_candidates)

    expected = scene.blended_scores(parts)
    assert_same_lists(expected, rows)
    assert_same_scores(expected, rows, scores)


@given(seed=st.integers(0, 1000), f=st.sampled_from([1, 2, 4]), n_candidates=st.sampled_from([10, 20]))
def test_items_with_equal_blended_scores_come_by_their_rows(seed: int, f: int, n_candidates: int) -> None:
    """Also where the last place could go to an item that is among neither of the candidates."""
    scene, rng = Scene(seed), np.random.default_rng(seed)
    scene.items = rng.integers(-2, 3, (N_ITEMS, f)).astype(np.float32)
    scene.items = scene.items[np.argsort(-np.linalg.norm(scene.items, axis=1), kind="stable")]
    scene.queries = rng.integers(-2, 3, (6, f)).astype(np.float32)
    scene.preference = (rng.integers(0, 4, N_ITEMS) / 4).astype(np.float32)
    order = np.argsort(-scene.preference, kind="stable").astype(np.int32)
    scene.popular, parts = order[~np.isin(order, scene.withdrawn)], np.full(6, 4, np.float32)

    rows, scores = scene.blended(parts, n_candidates, n_candidates)

    left_out = [np.concatenate((scene.known.rows[4 * u : 4 * u + 4], scene.withdrawn)) for u in range(6)]
    every = ragged_rows([np.setdiff1d(np.arange(N_ITEMS, dtype=np.int32), rows) for rows in left_out])
    expected = best_of_plain(scene.queries, scene.items, every, N, Addition(parts, scene.preference))
    np.testing.assert_array_equal(expected[0], rows)
    np.testing.assert_array_equal(expected[1], scores)


@pytest.mark.parametrize(("large", "n_scanned"), [(1, 0), (N_ITEMS + 1, 5)])
def test_more_popular_items_are_scored_before_a_large_catalog_is_scanned(
    large: int, n_scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists are the same; users whose list is certain then need no scan."""
    scanned: list[int] = []

    def scan(queries: Floats, *arguments: Any) -> tuple[Rows, Floats]:
        scanned.append(len(queries))
        return top_n_above(queries, *arguments)

    monkeypatch.setattr(blend, "top_n_above", scan)
    monkeypatch.setattr(blend, "_LARGE", large)
    scene, parts = Scene(3), np.full(6, 0.5, np.float32)

    rows, scores = scene.blended(parts, 10, 200)

    assert n_scanned == sum(scanned)
    assert_same_lists(scene.blended_scores(parts), rows)
    assert_same_scores(scene.blended_scores(parts), rows, scores)


def test_the_ends_are_the_two_lists() -> None:
    """Without a popular part a list is the listener's own, with a huge one it is the popular list."""
    scene = Scene(1)

    personal_rows, _ = scene.blended(np.zeros(6, np.float32), 40, 40)
    popular_rows, _ = scene.blended(np.full(6, HUGE, np.float32), 40, 40)

    personal = scores_of_vectors(scene.queries, scene.items, scene.known, relative_error=0)
    assert_same_lists(personal.without_items(scene.withdrawn), personal_rows)
    preferences_of_all = np.tile(scene.preference, (6, 1))
    own_scores = np.linalg.norm(scene.queries, axis=1)[:, None] * np.linalg.norm(scene.items, axis=1)
    popular = ItemScores(without(preferences_of_all, scene.known), own_scores / HUGE + ROUNDOFF * preferences_of_all)
    assert_same_lists(popular.without_items(scene.withdrawn), popular_rows)


def test_a_list_that_runs_out_of_items_is_padded() -> None:
    """Fewer items than places."""
    scene = Scene(2, n_users=1)
    scene.known = ragged_rows([np.arange(5, N_ITEMS, dtype=np.int32)])
    scene.withdrawn = np.array([1], np.int32)

    rows, scores = scene.blended(np.ones(1, np.float32), 20, 20)

    assert {0, 2, 3, 4, -1} == set(rows[0].tolist())
    assert (scores[rows < 0] == -np.inf).all()


def test_a_preference_is_the_plays_of_an_average_listener() -> None:
    """Its share of all plays times a listener's plays, at most 1; nothing where nothing was played."""
    np.testing.assert_allclose([1, 0.5, 0], preferences(np.array([9.0, 1.0, 0.0]), 5.0))
    assert [0.0, 0.0] == preferences(np.zeros(2), 5.0).tolist()


@pytest.mark.parametrize(("best", "expected"), [(0.5, 0.2), (0.0, 0.0), (-1.0, 0.0)])
def test_a_popular_part_is_of_the_size_of_the_best_score(best: float, expected: float) -> None:
    """It shrinks with the variance left; where no score is positive there is none."""
    parts = popular_parts(np.array([best], np.float32), np.array([0.2], np.float32), 2.0)

    assert pytest.approx(expected) == parts[0]
