"""The reasons of lists that go out, held against the whole splits of their scores."""

from pathlib import Path

import numpy as np
import pytest

from model.explain import split
from model.objective import Rule
from state.lists.explain_lists import Extent, explain_lists
from state.users.record import UserRecord
from tests.support.generations import build_lists, listener, make_generation, unpacked
from tests.support.ranks import ItemScores, assert_same_lists
from tests.support.settings import settings_with


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("n_plays", [2, 6, 20])
def test_the_reasons_of_a_list_are_its_largest_shares(tmp_path: Path, rule: Rule, n_plays: int) -> None:
    """Rows of the listener's plays; with the rest they sum to the published score."""
    generation = make_generation(tmp_path, rule=rule)
    lists = build_lists(
        unpacked(listener(39, 38), listener(*range(n_plays))), generation, settings_with(list_n=10, popular_blend=0)
    )
    assert lists.equations is not None

    reasons = explain_lists(lists, np.array([False, True]), generation, Extent(10, 4))

    whole = split(lists.equations, generation.fixed_items, 1, lists.rows[1])
    terms, close = lists.equations.terms, 1e-5 * np.abs(lists.scores[1]).max()
    by_row = np.full((len(whole), len(generation.item_ids)), -np.inf)
    by_row[:, terms.rows[terms.starts[1] :]] = np.abs(whole)
    assert [1] == reasons.users.tolist()
    assert_same_lists(ItemScores(by_row, np.full_like(by_row, close)), reasons.rows[0])
    named = np.where(reasons.rows[0] >= 0, np.take_along_axis(by_row, reasons.rows[0], axis=1), 0)
    np.testing.assert_allclose(named, np.abs(reasons.shares[0]), atol=close)
    np.testing.assert_allclose(
        lists.scores[1], reasons.shares[0].sum(axis=1, dtype=np.float64) + reasons.rest[0], rtol=1e-6
    )
    np.testing.assert_allclose(whole.sum(axis=1) - reasons.shares[0].sum(axis=1), reasons.rest[0], atol=close)


def test_a_repeated_item_is_one_reason(tmp_path: Path) -> None:
    """All of its plays speak with one voice."""
    generation = make_generation(tmp_path)
    lists = build_lists(unpacked(listener(3, 14, 3, 3)), generation, settings_with(list_n=10, popular_blend=0))

    because = explain_lists(lists, np.array([True]), generation, Extent(10, 4))

    assert {(2,)} == {(len(set(rows[rows >= 0])),) for rows in because.rows[0]}
    assert [2] * 10 == (because.rows[0] >= 0).sum(axis=1).tolist()


def test_only_the_first_items_are_explained(tmp_path: Path) -> None:
    """Their reasons are those of a list that is explained whole; more items than the list has are no more reasons."""
    generation = make_generation(tmp_path)
    lists = build_lists(unpacked(listener(3, 14, 15)), generation, settings_with(list_n=6))
    chosen = np.array([True])

    whole = explain_lists(lists, chosen, generation, Extent(100, 2))
    first = explain_lists(lists, chosen, generation, Extent(4, 2))

    assert (1, 6, 2) == whole.rows.shape
    np.testing.assert_array_equal(whole.rows[:, :4], first.rows)
    np.testing.assert_allclose(whole.shares[:, :4], first.shares, rtol=1e-4)
    np.testing.assert_allclose(whole.rest[:, :4], first.rest, rtol=1e-4, atol=1e-6)


def test_what_is_not_personal_or_not_chosen_is_not_explained(tmp_path: Path) -> None:
    """Nor is anything if no reason is asked for; padding has no rest."""
    generation = make_generation(tmp_path, n_items=5)
    lists = build_lists(unpacked(UserRecord(), listener(0, 1), listener(2)), generation, settings_with(list_n=8))
    everybody, nobody = np.ones(3, np.bool_), np.zeros(3, np.bool_)

    assert [1, 2] == explain_lists(lists, everybody, generation, Extent(8, 1)).users.tolist()
    assert [] == explain_lists(lists, nobody, generation, Extent(8, 1)).users.tolist()
    assert [] == explain_lists(lists, everybody, generation, Extent(8, 0)).users.tolist()
    assert [] == explain_lists(lists, everybody, generation, Extent(0, 1)).users.tolist()
    reasons = explain_lists(lists, everybody, generation, Extent(8, 1))
    assert not reasons.rest[lists.rows[1:] < 0].any()
    assert (reasons.rows[lists.rows[1:] < 0] == -1).all()
