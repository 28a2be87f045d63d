"""How large the next group of a sweep is."""

WORK_S, WORK_S_MAX = 0.006, 0.05
"""Seconds of work that a group has while plays flow, at least and at most, if `GroupSize` may choose its size.

A play may have to wait for them, and for the group's way through Kafka, which takes as long for one user as for a
hundred: still smaller groups would only make plays wait more often."""
PLAYS_SHARE = 0.4
"""What a group works longer than `WORK_S`, as a share of what a group of plays takes. On a machine that is slow or busy
plays take long anyway, and a sweep of small groups would never end."""
USERS_MIN = 16
"""A smaller group would spend its time on waiting for Kafka."""
GROWTH_MAX = 2.0
"""A group is at most so many times as large as the one before, for one measurement says little."""


class GroupSize:
    """Sizes groups by what groups took: small ones while plays flow, the largest while there are none."""

    def __init__(self, users_max: int) -> None:
        """Begin with a small group; none is larger than `users_max`."""
        self._users_max = users_max
        self.users = min(USERS_MIN, users_max)
        """Users of the next group."""

    def took(self, users: int, work_s: float, plays_take_s: float | None) -> None:
        """Learn what a group of so many users took.

        Args:
            users: How many were folded.
            work_s: Seconds that it took to fold and rank them.
            plays_take_s: Seconds that a group of plays takes at the moment, until it is durable; None if none comes.
        """
        fitting: float = self._users_max
        if plays_take_s is not None:
            fitting = users * min(WORK_S_MAX, WORK_S + PLAYS_SHARE * plays_take_s) / max(work_s, 1e-6)
        self.users = min(self._users_max, max(USERS_MIN, int(min(fitting, GROWTH_MAX * self.users))))
