"""The reasons of lists that go out, held against the whole splits of their scores."""

from pathlib import Path

import numpy as np
import pytest

from model.explain import split
from model.objective import Rule
from state.lists.explain_lists import explain_lists
from state.users.record import UserRecord
from tests.support.generations import build_lists, listener, make_generation, unpacked
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

    reasons = explain_lists(lists, np.array([False, True]), generation, 4)

    whole = split(lists.equations, generation.fixed_items, 1, lists.rows[1])
    best = np.argsort(-np.abs(whole), axis=1)[:, :4]
    terms = lists.equations.terms
    largest, own_rows = np.take_along_axis(whole, best, axis=1), terms.rows[terms.starts[1] :]
    assert [1] == reasons.users.tolist()
    n = min(4, n_plays)
    np.testing.assert_array_equal(own_rows[best], reasons.rows[0][:, :n])
    np.testing.assert_allclose(largest, reasons.shares[0][:, :n], atol=1e-5 * lists.scores[1].max())
    assert (reasons.rows[0][:, n:] == -1).all()
    np.testing.assert_allclose(
        lists.scores[1], reasons.shares[0].sum(axis=1, dtype=np.float64) + reasons.rest[0], rtol=1e-6
    )
    np.testing.assert_allclose(
        whole.sum(axis=1) - largest.sum(axis=1), reasons.rest[0], atol=1e-5 * np.abs(lists.scores[1]).max()
    )


def test_what_is_not_personal_or_not_chosen_is_not_explained(tmp_path: Path) -> None:
    """Nor is anything if no reason is asked for; padding has no rest."""
    generation = make_generation(tmp_path, n_items=5)
    lists = build_lists(unpacked(UserRecord(), listener(0, 1), listener(2)), generation, settings_with(list_n=8))
    everybody, nobody = np.ones(3, np.bool_), np.zeros(3, np.bool_)

    assert [1, 2] == explain_lists(lists, everybody, generation, 1).users.tolist()
    assert [] == explain_lists(lists, nobody, generation, 1).users.tolist()
    assert [] == explain_lists(lists, everybody, generation, 0).users.tolist()
    reasons = explain_lists(lists, everybody, generation, 1)
    assert not reasons.rest[lists.rows[1:] < 0].any()
    assert (reasons.rows[lists.rows[1:] < 0] == -1).all()
