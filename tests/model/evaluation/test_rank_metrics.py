"""Figures of merit, and figures that cannot be true."""

import numpy as np
import pytest

from model.evaluation.rank_metrics import MISS, QualityError, hit_rate, mean_reciprocal_rank, ranks_of

NO_ROWS = np.zeros(0, np.int32)


def test_the_hit_rate_counts_ranks_up_to_k() -> None:
    """Rank k is a hit, k + 1 and a miss are none."""
    assert hit_rate([1, 10, 11, MISS], k=10, n_items=50).value == 0.5


def test_wilsons_interval_is_the_textbooks() -> None:
    """Of 10 in 100 the interval is 5.5 % to 17.4 % (Brown, Cai and DasGupta 2001, eq. 4)."""
    rate = hit_rate([1] * 10 + [MISS] * 90, k=1, n_items=5)

    assert 0.1 == rate.value
    assert 0.0552 == round(rate.low, 4)
    assert 0.1744 == round(rate.high, 4)


def test_intervals_stay_between_zero_and_one() -> None:
    """Even where every event hits, or none does."""
    for ranks in ([1, 1], [MISS, MISS]):
        for figure in (hit_rate(ranks, 1, 5), mean_reciprocal_rank(ranks, 1, 5)):
            assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_the_reciprocal_rank_counts_nothing_beyond_k() -> None:
    """Only the list that is shown earns anything."""
    assert mean_reciprocal_rank([2, 4, 21, MISS], k=20, n_items=50).value == 0.75 / 4


@pytest.mark.parametrize("rank", [-1, 51])
def test_an_impossible_rank_is_an_error(rank: int) -> None:
    """A rank outside the catalog means that the evaluation is broken, not that the model is good."""
    with pytest.raises(QualityError, match=rf"A rank of {rank} is impossible among 50 items; the ranking is broken\."):
        hit_rate([1, rank], k=10, n_items=50)


def test_no_ranks_are_an_error() -> None:
    """Nothing to judge is no judgement."""
    with pytest.raises(QualityError, match=r"There are no ranks to judge; give more events\."):
        mean_reciprocal_rank([], k=10, n_items=50)


def test_items_are_ranked_among_those_that_the_user_does_not_know() -> None:
    """Known items stand in nobody's way, and an item outside the catalog is a miss."""
    scores = np.array([[5, 4, 3, 2]] * 3, np.float32)
    starts, known = np.array([0, 0, 2, 2]), np.array([0, -1], np.int32)

    assert [3, 2, MISS] == ranks_of(scores, starts, known, np.array([2, 2, -1], np.int32)).tolist()


def test_equal_scores_share_the_middle_of_their_places() -> None:
    """A model that scores everything alike must not look perfect."""
    scores = np.zeros((1, 101), np.float32)

    assert [51] == ranks_of(scores, np.zeros(2, np.int64), NO_ROWS, np.array([7], np.int32)).tolist()


def test_a_score_that_is_no_number_is_an_error() -> None:
    """A diverged generation is found out, not ranked first."""
    scores = np.array([[0, np.nan]], np.float32)

    with pytest.raises(
        QualityError, match=r"A score is not a finite number; the generation that made it has diverged\."
    ):
        ranks_of(scores, np.zeros(2, np.int64), NO_ROWS, np.array([0], np.int32))
