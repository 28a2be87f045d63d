"""How large the next group of a sweep is."""

from itertools import pairwise

import pytest

from agents.pace import FLOW_S, GROWTH_MAX, USERS_MIN, Pace


def after(pace: Pace, seconds_per_user: float, overhead_s: float, groups: int, *, plays_flow: bool) -> float:
    """Let groups take what users cost, and return what the last one took."""
    took = 0.0
    for _ in range(groups):
        took = overhead_s + pace.users * seconds_per_user
        pace.took(pace.users, took, plays_flow=plays_flow)
    return took


@pytest.mark.parametrize("seconds_per_user", [1e-5, 5e-5, 2e-4])
def test_while_plays_flow_a_group_takes_about_what_it_should(seconds_per_user: float) -> None:
    """Whatever a user costs, and however large the groups were before."""
    pace = Pace(2000)
    after(pace, seconds_per_user, 0.0, 20, plays_flow=False)

    took = after(pace, seconds_per_user, 0.0, 20, plays_flow=True)

    assert took == pytest.approx(FLOW_S, rel=0.05)


def test_without_plays_groups_grow_to_the_largest() -> None:
    """Step by step: a play may come any moment."""
    pace = Pace(500)
    sizes = []
    for _ in range(8):
        sizes.append(pace.users)
        pace.took(pace.users, 1.0, plays_flow=False)

    assert sizes == sorted(sizes)
    assert all(larger <= GROWTH_MAX * smaller for smaller, larger in pairwise(sizes))
    assert (USERS_MIN, 500) == (sizes[0], sizes[-1])


def test_a_slow_kafka_does_not_stop_a_sweep() -> None:
    """A group is never smaller than what is worth a round trip."""
    pace = Pace(500)

    after(pace, 1e-3, 5.0, 10, plays_flow=True)

    assert USERS_MIN == pace.users


def test_a_group_is_never_larger_than_the_setting() -> None:
    """Which may be smaller than the least."""
    pace = Pace(3)
    assert 3 == pace.users

    after(pace, 1e-6, 0.0, 10, plays_flow=True)

    assert 3 == pace.users
