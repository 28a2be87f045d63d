"""The size of a sweep's next group."""

WORK_S, WORK_S_MAX = 0.006, 0.05
"""Least and most seconds of work in a group while plays flow.

A play may have to wait for that work, and for the group's way through Kafka, which takes as long for one user as for a
hundred. So smaller groups would only make plays wait more often."""
PLAYS_SHARE = 0.4
"""Seconds of work beyond `WORK_S`, as a share of the seconds that a group of plays takes. On a slow or busy machine
plays take long anyway, and a sweep in small groups would never end."""
USERS_MIN = 16
"""Least users of a group: a smaller one would mostly wait for Kafka."""
GROWTH_MAX = 2.0
"""A group is at most so many times as large as the one before, since one measurement is noisy."""


class GroupSize:
    """Adapts the size of groups to their timing: small groups while plays flow, the largest while none arrive.

    Attributes:
        users: Users of the next group.
    """

    def __init__(self, users_max: int) -> None:
        """Begin with a small group; none is larger than `users_max`."""
        self._users_max = users_max
        self.users = min(USERS_MIN, users_max)

    def adapt(self, users: int, work_s: float, plays_take_s: float | None) -> None:
        """Adapt the size to the timing of a group.

        Args:
            users: Users of the group.
            work_s: Seconds that it took to fold and rank them.
            plays_take_s: Seconds that a group of plays takes now, until it is durable; None while no plays flow.
        """
        fitting: float = self._users_max
        if plays_take_s is not None:
            fitting = users * min(WORK_S_MAX, WORK_S + PLAYS_SHARE * plays_take_s) / max(work_s, 1e-6)
        self.users = min(self._users_max, max(USERS_MIN, int(min(fitting, GROWTH_MAX * self.users))))
