"""Steps of gradient descent, play after play: the kernel gives the ranks of the paper's own words."""

import numpy as np
import pytest

from model.evaluation.event_log import Split, split_events
from model.evaluation.isgd import Isgd, isgd_ranks, isgd_scores_plain
from model.evaluation.rank_metrics import QualityError, hit_rate
from tests.support.ranks import ROUNDOFF, ItemScores, assert_same_ranks, share_decided, without
from tests.support.scored_events import known_before, scored_in_time
from tests.support.tastes import N_EVENTS, drawn_events

N_TRAINED = N_EVENTS * 7 // 10
SETTING = Isgd(factors=8, learn_rate=0.1, regularization=0.05)


@pytest.fixture(scope="module")
def split() -> Split:
    """Cut made-up plays in two."""
    return split_events(drawn_events(), N_TRAINED)


def scores_of_algorithm(split: Split, rng: np.random.Generator) -> ItemScores:
    """Score all items before every scored event by the plain algorithm.

    A step rounds the product of the vectors and, once, the vector: two roundings of a length of about 1, the target.
    Errors do not grow from step to step, since a step brings a product nearer to its target. So a score is off by at
    most two roundings for every step of the two vectors that took most steps, and by those of its own product.
    """
    events, learnt = scored_in_time(split), split.rows >= 0
    steps = np.bincount(split.users[learnt]).max() + np.bincount(split.rows[learnt]).max()
    scores = isgd_scores_plain(split, SETTING, rng)
    tolerance = (2 * steps + SETTING.factors + 2) * ROUNDOFF
    return ItemScores(without(scores, known_before(split, events)), np.full_like(scores, tolerance))


def test_the_ranks_are_those_of_the_plain_algorithm(split: Split) -> None:
    """But for scores so close that rounding decides."""
    ranks = isgd_ranks(split, SETTING, np.random.default_rng(3))

    scores, played_rows = scores_of_algorithm(split, np.random.default_rng(3)), split.rows[scored_in_time(split)]
    assert_same_ranks(scores, played_rows, ranks)
    assert share_decided(scores, played_rows) > 0.9


def test_the_seed_decides_and_nothing_else(split: Split) -> None:
    """The same one gives the same ranks, another one others."""
    first, again, other = (isgd_ranks(split, SETTING, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_a_play_is_learnt_after_it_is_ranked(split: Split) -> None:
    """Without steps the lists are those of chance; plays that come later change no rank before them."""
    still = isgd_ranks(split, Isgd(8, 0.0, 0.0), np.random.default_rng(0))
    shorter = split_events(drawn_events().part(slice(N_EVENTS - 100)), N_TRAINED)
    before = isgd_ranks(split, SETTING, np.random.default_rng(0))
    part = isgd_ranks(shorter, SETTING, np.random.default_rng(0))

    assert hit_rate(still, 20, split.n_items).value < 0.3
    assert len(shorter.starts) == len(split.starts)
    assert part.tolist() == before[: len(part)].tolist()


def test_steps_that_are_too_long_are_an_error(split: Split) -> None:
    """A vector that is not finite raises, although its rank looks possible."""
    with pytest.raises(QualityError, match="A score is not a finite number"):
        isgd_ranks(split, Isgd(8, 1e6, 0.0), np.random.default_rng(0))
