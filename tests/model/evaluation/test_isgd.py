"""Steps of gradient descent, play after play: the kernel gives the ranks of the paper's own words."""

import numpy as np
import pytest

from model.evaluation.event_log import Split, split_events
from model.evaluation.isgd import Isgd, isgd_ranks, isgd_ranks_plain
from model.evaluation.rank_metrics import MISS, QualityError, hit_rate
from tests.support.tastes import N_EVENTS, drawn_events

N_TRAINED = N_EVENTS * 7 // 10
SETTING = Isgd(factors=8, learn_rate=0.1, regularization=0.05)


@pytest.fixture(scope="module")
def split() -> Split:
    """Cut made-up plays in two."""
    return split_events(drawn_events(), N_TRAINED)


def test_the_ranks_are_those_of_the_plain_algorithm(split: Split) -> None:
    """But for scores so close that rounding decides."""
    expected = isgd_ranks_plain(split, SETTING, np.random.default_rng(3))
    ranks = isgd_ranks(split, SETTING, np.random.default_rng(3))

    assert len(expected) == split.scored.sum()
    assert np.abs(expected - ranks).max() <= 1
    assert (expected == ranks).mean() > 0.99
    assert (expected == MISS).tolist() == (ranks == MISS).tolist()


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
    """A vector that is not finite is no list, whatever its rank seems to be."""
    with pytest.raises(QualityError, match="A score is not a finite number"):
        isgd_ranks(split, Isgd(8, 1e6, 0.0), np.random.default_rng(0))
