"""Scores split over the plays behind them: the sum, the whole split, and entries without a share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from model.arrays import Doubles, Floats, Rows, Starts
from model.equations import Equations, Terms, equations_of
from model.explain import Reasons, explain, split
from model.fixed_items import FixedItems
from model.objective import Objective, Rule
from model.ragged import RaggedRows, WeightedRows
from model.ranking import BoundedItems, top_n
from model.solver import solve_rows_plain
from model.training import Factors
from tests.model.conftest import Draw, Trained, draw_rows, train_drawn
from tests.support.ranks import ItemScores, assert_same_lists

CLOSE = 1e-5


def arguments(
    equations: Equations, factors: Factors, lists: Rows, m: int = 3, users: Starts | None = None
) -> tuple[Equations, FixedItems, Starts, Rows, int]:
    """Return the arguments of `explain`."""
    return equations, factors.items, np.arange(len(lists)) if users is None else users, lists, m


def drawn(objective: Objective, n_users: int, n_row: int, seed: int = 0) -> Equations:
    """Draw users and return their equations."""
    starts, rows, weights = draw_rows(n_users, n_row, seed)
    return equations_of(WeightedRows(starts, rows, weights), objective)


def vectors_of(equations: Equations, factors: Factors) -> Doubles:
    """Return the users' vectors, solved densely in double precision."""
    return solve_rows_plain(equations, factors.items)


def score_of(equations: Equations, factors: Factors, lists: Rows) -> Floats:
    """Return the scores of lists from dense vectors in double precision, 0 where a list is padded."""
    x = vectors_of(equations, factors)
    scores = np.einsum("nlf,nf->nl", factors.item_factors[lists].astype(np.float64), x)
    return np.where(lists >= 0, scores, 0).astype(np.float32)


def assert_reasons(equations: Equations, factors: Factors, lists: Rows, reasons: Reasons, scale: Floats) -> None:
    """Assert that reasons are the largest shares of the whole splits, and the rest, to 1e-5 of their item's scale."""
    starts = equations.terms.starts
    for user, listed in enumerate(lists):
        places = np.where(reasons.entries[user] < 0, -1, reasons.entries[user] - starts[user])
        shares = split(equations, factors.items, user, listed) * (listed >= 0)[:, None]
        tolerances = np.broadcast_to(CLOSE * scale[user][:, None], shares.shape)
        assert_same_lists(ItemScores(np.where(shares == 0, -np.inf, np.abs(shares)), tolerances), places)
        named = np.take_along_axis(np.column_stack((shares, np.zeros(len(shares)))), places, axis=1)
        assert (np.abs(named - reasons.shares[user]) <= CLOSE * scale[user][:, None]).all()
        assert (np.abs(shares.sum(axis=1) - named.sum(axis=1) - reasons.rest[user]) <= CLOSE * scale[user]).all()


def bounds(equations: Equations, factors: Factors, lists: Rows) -> Floats:
    """Return an upper bound of the sum of every item's shares, the scale of their rounding errors.

    By Cauchy and Schwarz in the inner product of the inverse of the users' matrices.
    """
    scale, items = np.zeros(lists.shape), factors.item_factors.astype(np.float64)
    starts, rows, confidences, targets = equations.terms.starts, *equations.terms.columns
    for user, reg in enumerate(equations.regularization):
        entries = np.flatnonzero(rows[starts[user] : starts[user + 1]] >= 0) + starts[user]
        y = items[rows[entries]]
        inverse = np.linalg.inv(np.diag(factors.gram_diagonal + reg) + (y.T * confidences[entries]) @ y)
        lengths = np.sqrt(np.einsum("nf,fg,ng->n", items, inverse, items))
        scale[user] = lengths[lists[user]] * (np.abs(targets[entries]) @ lengths[rows[entries]])
    return scale.astype(np.float32)


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("n_row", [1, 7, 31, 32, 90])
def test_the_shares_of_a_list_sum_to_its_scores(draw: Draw, trained: Trained, rule: Rule, n_row: int) -> None:
    """Whichever system is solved: the best items of every user, to 1e-5 of each score."""
    objective, factors = trained(rule)
    starts, rows, weights = draw(20, n_row)
    equations = equations_of(WeightedRows(starts, rows, weights), objective)
    x = vectors_of(equations, factors).astype(np.float32)
    norms = np.linalg.norm(factors.item_factors, axis=1)
    order = np.argsort(-norms, kind="stable")
    known = RaggedRows(starts, np.argsort(order)[rows].astype(np.int32))
    best, _ = top_n(x, BoundedItems(factors.item_factors[order], norms[order]), known, 20)
    lists = order[best].astype(np.int32)

    reasons = explain(*arguments(equations, factors, lists))

    np.testing.assert_allclose(
        reasons.shares.sum(axis=2, dtype=np.float64) + reasons.rest, score_of(equations, factors, lists), rtol=CLOSE
    )
    assert_reasons(equations, factors, lists, reasons, np.abs(score_of(equations, factors, lists)))


def test_the_hkv_rule_equals_implicits_explain(draw: Draw, trained: Trained) -> None:
    """Its author's library splits the same scores; it takes `1 + alpha * weight` for the confidence."""
    objective, factors = trained("hkv")
    starts, rows, weights = draw(4, 25)
    oracle = AlternatingLeastSquares(factors=32, regularization=2.0, alpha=1.0, num_threads=1)
    oracle.item_factors = factors.item_factors
    confidences = csr_matrix((1 + objective.alpha * weights, rows, starts), (4, len(factors.item_factors)))
    lists = np.arange(40, dtype=np.int32).reshape(4, 10)

    equations = equations_of(WeightedRows(starts, rows, weights), objective)
    reasons = explain(*arguments(equations, factors, lists, 25))

    for user, item in np.ndindex(lists.shape):
        score, theirs, _ = oracle.explain(user, confidences, int(lists[user, item]), N=25)
        ours = dict(zip(rows[reasons.entries[user, item]].tolist(), reasons.shares[user, item].tolist(), strict=True))
        scale = sum(abs(share) for _, share in theirs)
        assert score == pytest.approx(sum(ours.values()), abs=CLOSE * scale)
        assert dict(theirs) == pytest.approx(ours, abs=CLOSE * scale)


@given(st.integers(0, 1000), st.sampled_from(["ials", "hkv"]), st.integers(1, 70), st.integers(1, 5), st.data())
def test_shares_and_rest_are_those_of_the_whole_split(
    seed: int, rule: Rule, n_row: int, m: int, data: st.DataObject
) -> None:
    """Any items, any histories: entries that say no, that count nothing, that are unknown, the same item twice."""
    objective, factors = train_drawn(rule)
    equations = drawn(objective, 3, n_row, seed)
    n = len(equations.terms.rows)
    places = st.lists(st.integers(0, n - 1), max_size=n)
    rows, confidences, targets = (column.copy() for column in equations.terms.columns)
    targets[data.draw(places)] = 0
    confidences[data.draw(places)] = 0
    rows[data.draw(places)] = -1
    rows[data.draw(places)] = rows[0]
    equations = equations._replace(terms=Terms(equations.terms.starts, rows, confidences, targets))
    lists = np.array(data.draw(st.lists(st.lists(st.integers(0, 699), min_size=9, max_size=9), min_size=3, max_size=3)))
    for row, length in zip(lists, data.draw(st.lists(st.integers(0, 9), min_size=3, max_size=3)), strict=True):
        row[length:] = -1
    lists = lists.astype(np.int32)

    reasons = explain(*arguments(equations, factors, lists, m))

    scale = bounds(equations, factors, lists)
    assert_reasons(equations, factors, lists, reasons, scale)
    total = reasons.shares.sum(axis=2, dtype=np.float64) + reasons.rest
    assert (np.abs(total - score_of(equations, factors, lists)) <= CLOSE * scale).all()
    assert not reasons.shares[lists < 0].any()
    assert not reasons.rest[lists < 0].any()


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_both_forms_agree_at_the_switch(trained: Trained, rule: Rule) -> None:
    """A play that counts nothing makes the history as long as a vector, and the other system is solved."""
    objective, factors = trained(rule)
    shorter = drawn(objective, 1, objective.factors - 1)
    columns = zip(shorter.terms.columns, (5, 0, 0), strict=True)
    extended = (np.append(column, value).astype(column.dtype) for column, value in columns)
    longer = shorter._replace(terms=Terms(np.array([0, objective.factors]), *extended))
    lists = np.arange(40, dtype=np.int32)[None]

    for equations in (shorter, longer):
        reasons = explain(*arguments(equations, factors, lists))
        assert_reasons(equations, factors, lists, reasons, bounds(shorter, factors, lists))


def test_the_largest_come_first_and_each_entry_has_its_own_share(trained: Trained) -> None:
    """Entries are in the order of absolute shares, and each share is that of the whole split."""
    objective, factors = trained("ials")
    equations = drawn(objective, 2, 25)
    lists = np.arange(60, dtype=np.int32).reshape(2, 30)

    reasons = explain(*arguments(equations, factors, lists, 4))

    for user in range(2):
        whole = split(equations, factors.items, user, lists[user])
        named = np.take_along_axis(whole, reasons.entries[user] - equations.terms.starts[user], axis=1)
        np.testing.assert_allclose(named, reasons.shares[user], atol=CLOSE * np.abs(whole).sum())
    assert (np.diff(np.abs(reasons.shares), axis=2) <= 0).all()


def test_an_entry_without_a_target_is_no_reason_and_still_counts(trained: Trained) -> None:
    """A signal against an item lowers the shares of plays that are like it; its own share is 0 and is not named."""
    objective, factors = trained("ials")
    equations = drawn(objective, 1, 2)
    terms = equations.terms
    without_target = replace(terms, targets=np.array([terms.targets[0], 0], np.float32))
    refused = equations._replace(terms=without_target)
    ignored = equations._replace(terms=replace(without_target, rows=np.array([terms.rows[0], -1], np.int32)))
    like = terms.rows[1:][None].astype(np.int32)

    with_no, without = (explain(*arguments(either, factors, like)) for either in (refused, ignored))

    assert [0, -1, -1] == with_no.entries[0, 0].tolist()
    assert [0, -1, -1] == without.entries[0, 0].tolist()
    assert abs(with_no.shares[0, 0, 0]) < abs(without.shares[0, 0, 0])


def test_only_the_chosen_users_are_explained(trained: Trained) -> None:
    """Their lists stand side by side; a user without known items has none of it, and nobody at all is no error."""
    objective, factors = trained("hkv")
    equations = drawn(objective, 4, 12)
    rows = equations.terms.rows.copy()
    rows[12:24] = -1
    equations = equations._replace(terms=replace(equations.terms, rows=rows))
    lists = np.arange(20, dtype=np.int32).reshape(2, 10)

    reasons = explain(*arguments(equations, factors, lists, users=np.array([1, 3])))

    assert (reasons.entries[0] == -1).all()
    assert not reasons.shares[0].any()
    assert not reasons.rest[0].any()
    assert ((reasons.entries[1] >= 36) & (reasons.entries[1] < 48)).all()
    nobody = explain(*arguments(equations, factors, lists[:0], users=np.zeros(0, np.int64)))
    assert (0, 10, 3) == nobody.entries.shape
