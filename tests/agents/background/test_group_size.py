"""How large the next group of a sweep is."""

from itertools import pairwise

import pytest

from agents.background.group_size import GROWTH_MAX, PLAYS_SHARE, USERS_MIN, WORK_S, WORK_S_MAX, GroupSize


def after(size: GroupSize, seconds_per_user: float, groups: int, plays_take_s: float | None) -> float:
    """Let groups take the cost of users, and return the duration of the last one."""
    took = 0.0
    for _ in range(groups):
        took = size.users * seconds_per_user
        size.adapt(size.users, took, plays_take_s)
    return took


@pytest.mark.parametrize("seconds_per_user", [1e-5, 5e-5, 2e-4])
@pytest.mark.parametrize(
    ("expected", "plays_take_s"),
    [(WORK_S, 0.0), (WORK_S + PLAYS_SHARE * 0.02, 0.02), (WORK_S_MAX, 10.0)],
)
def test_while_plays_flow_a_group_works_about_as_long_as_it_should(
    seconds_per_user: float, expected: float, plays_take_s: float
) -> None:
    """Longer if plays take long anyway, within limits, at any cost of a user and after groups of any size."""
    size = GroupSize(10_000)
    after(size, seconds_per_user, 20, None)

    took = after(size, seconds_per_user, 20, plays_take_s)

    assert took == pytest.approx(expected, rel=0.05)


def test_without_plays_groups_grow_to_the_largest() -> None:
    """Step by step: a play may come any moment."""
    size = GroupSize(500)
    sizes = []
    for _ in range(8):
        sizes.append(size.users)
        size.adapt(size.users, 1.0, None)

    assert sizes == sorted(sizes)
    assert all(larger <= GROWTH_MAX * smaller for smaller, larger in pairwise(sizes))
    assert USERS_MIN == sizes[0]
    assert 500 == sizes[-1]


def test_slow_work_does_not_stop_a_sweep() -> None:
    """A group is never so small that the way through Kafka costs more than its work."""
    size = GroupSize(500)

    after(size, 1.0, 10, 0.0)

    assert USERS_MIN == size.users


def test_a_group_is_never_larger_than_the_setting() -> None:
    """Which may be smaller than the least."""
    size = GroupSize(3)
    assert 3 == size.users

    after(size, 1e-6, 10, 0.0)

    assert 3 == size.users
