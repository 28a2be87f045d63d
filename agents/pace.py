"""How large the next group of a sweep is."""

FLOW_S = 0.006
"""Seconds that a group should take while plays flow: what a play may have to wait for more than it does otherwise."""
USERS_MIN = 16
"""A smaller group would spend its time on waiting for Kafka."""
GROWTH_MAX = 2.0
"""A group is at most so many times as large as the one before, for one measurement says little."""


class Pace:
    """Sizes groups by what groups took: small ones while plays flow, the largest while there are none."""

    def __init__(self, users_max: int) -> None:
        """Begin with a small group; none is larger than `users_max`."""
        self._users_max = users_max
        self.users = min(USERS_MIN, users_max)
        """Users of the next group."""

    def took(self, users: int, seconds: float, *, plays_flow: bool) -> None:
        """Learn what a group of so many users took.

        Args:
            users: How many were folded.
            seconds: From having its turn to being durable.
            plays_flow: Whether there are plays at the moment.
        """
        fitting = users * FLOW_S / max(seconds, 1e-6) if plays_flow else self._users_max
        wished = min(fitting, GROWTH_MAX * self.users)
        self.users = min(self._users_max, max(USERS_MIN, int(wished)))
