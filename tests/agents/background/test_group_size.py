"""How large the next group of a sweep is."""

from itertools import pairwise

import pytest

from agents.background.group_size import GROWTH_MAX, PLAYS_SHARE, USERS_MIN, WORK_S, WORK_S_MAX, Pace


def after(pace: Pace, seconds_per_user: float, groups: int, plays_take_s: float | None) -> float:
    """Let groups take what users cost, and return what the last one took."""
    took = 0.0
    for _ in range(groups):
        took = pace.users * seconds_per_user
        pace.took(pace.users, took, plays_take_s)
    return took


@pytest.mark.parametrize("seconds_per_user", [1e-5, 5e-5, 2e-4])
@pytest.mark.parametrize(
    ("expected", "plays_take_s"),
    [(WORK_S, 0.0), (WORK_S + PLAYS_SHARE * 0.02, 0.02), (WORK_S_MAX, 10.0)],
)
def test_while_plays_flow_a_group_works_about_as_long_as_it_should(
    seconds_per_user: float, expected: float, plays_take_s: float
) -> None:
    """Longer where plays take long anyway, within limits; whatever a user costs, however large groups were before."""
    pace = Pace(10_000)
    after(pace, seconds_per_user, 20, None)

    took = after(pace, seconds_per_user, 20, plays_take_s)

    assert took == pytest.approx(expected, rel=0.05)


def test_without_plays_groups_grow_to_the_largest() -> None:
    """Step by step: a play may come any moment."""
    pace = Pace(500)
    sizes = []
    for _ in range(8):
        sizes.append(pace.users)
        pace.took(pace.users, 1.0, None)

    assert sizes == sorted(sizes)
    assert all(larger <= GROWTH_MAX * smaller for smaller, larger in pairwise(sizes))
    assert (USERS_MIN, 500) == (sizes[0], sizes[-1])


def test_slow_work_does_not_stop_a_sweep() -> None:
    """A group is never smaller than what is worth a way through Kafka."""
    pace = Pace(500)

    after(pace, 1.0, 10, 0.0)

    assert USERS_MIN == pace.users


def test_a_group_is_never_larger_than_the_setting() -> None:
    """Which may be smaller than the least."""
    pace = Pace(3)
    assert 3 == pace.users

    after(pace, 1e-6, 10, 0.0)

    assert 3 == pace.users
