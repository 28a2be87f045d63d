"""The flow of plays, by a clock of the test."""

from agents.plays.play_flow import FLOW_S, SMOOTHING, PlayFlow


class Clock:
    """A clock that stands until it is set.

    Attributes:
        now_s: The time that it shows.
    """

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_no_plays_flow_before_the_first_group() -> None:
    """Nothing is known of their timing yet."""
    assert PlayFlow(Clock()).group_s is None


def test_plays_flow_until_none_come_for_a_while() -> None:
    """The flow ends `FLOW_S` after the last group."""
    clock = Clock()
    flow = PlayFlow(clock)
    flow.add(0.5)

    clock.now_s += FLOW_S - 0.01
    flowing = flow.group_s
    clock.now_s += 0.01

    assert SMOOTHING * 0.5 == flowing
    assert flow.group_s is None


def test_the_latest_groups_count_most() -> None:
    """The mean of many equal groups is their time; one long group moves it by its share."""
    flow = PlayFlow(Clock())
    for _ in range(100):
        flow.add(1.0)
    before = flow.group_s or 0.0
    flow.add(2.0)
    after = flow.group_s or 0.0

    assert abs(before - 1.0) < 1e-6
    assert abs(after - (1.0 + SMOOTHING)) < 1e-6
