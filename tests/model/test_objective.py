"""Both rules, in the words of their papers."""

import numpy as np
import pytest

from model.objective import Objective, Rule


def test_ials_weighs_a_play_by_the_logarithm_of_its_count() -> None:
    """Under iALS matrix and right-hand side carry the same weight, log2(1 + plays): the target of a play is 1."""
    objective = Objective("ials")

    np.testing.assert_allclose([0, 1, 2], objective.confidences([0, 1, 3]))
    np.testing.assert_allclose([0, 1, 2], objective.targets([0, 1, 3]))


def test_the_weight_of_a_play_long_past_keeps_its_digits() -> None:
    """The logarithm does not round small weights to zero."""
    np.testing.assert_allclose([1e-12 / np.log(2)], Objective("ials").confidences([1e-12]), rtol=1e-6)


def test_hkv_adds_the_one_of_every_pair_to_the_target_alone() -> None:
    """Under HKV the one of `1 + alpha * weight` stands in the gram already; the right-hand side adds it."""
    objective = Objective("hkv", alpha=2.0)

    np.testing.assert_array_equal([0, 2, 6], objective.confidences([0, 1, 3]))
    np.testing.assert_array_equal([1, 3, 7], objective.targets([0, 1, 3]))


def test_ials_regularizes_by_the_rows_length_and_hkv_does_not() -> None:
    """A row of ten items is regularized ten times under iALS and once under HKV."""
    np.testing.assert_allclose([0, 0.5], Objective("ials", regularization=0.05).row_regularization([0, 10]))
    np.testing.assert_allclose([0.05, 0.05], Objective("hkv", regularization=0.05).row_regularization([0, 10]))


def test_unobserved_items_weigh_a0_under_ials_and_one_under_hkv() -> None:
    """The gram is scaled by the weight of items that were not played."""
    assert Objective("ials", unobserved_weight=0.3).gram_scale == 0.3
    assert Objective("hkv", unobserved_weight=0.3).gram_scale == 1


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_a_weight_below_zero_is_confidence_in_no(rule: Rule) -> None:
    """It pulls the score to 0 with the confidence that a play of the same worth pulls it to 1 with."""
    objective = Objective(rule, alpha=2.0)

    np.testing.assert_array_equal(objective.confidences([0.5, 3]), objective.confidences([-0.5, -3]))
    np.testing.assert_array_equal([0, 0, 0], objective.targets([-0.5, -3, -0.0]))


def test_confidence_grows_as_the_operator_wishes() -> None:
    """Each rule may grow as the other one's paper has it."""
    np.testing.assert_allclose([1, 3], Objective("ials", growth="linear").confidences([1, 3]))
    np.testing.assert_allclose([2, 4], Objective("hkv", growth="log", alpha=2.0).confidences([1, 3]))
    np.testing.assert_allclose([1, 2], Objective("ials", growth="log").confidences([1, 3]))
