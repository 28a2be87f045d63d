"""A clock that a test sets."""


class StepClock:
    """Every reading is `step_s` later than the one before, so that durations count readings.

    Attributes:
        now_s: The latest reading; a test may set it forward.
    """

    def __init__(self, step_s: float = 1.0) -> None:
        """Begin at 0."""
        self.now_s, self._step_s = 0.0, step_s

    def __call__(self) -> float:
        """Return the next reading."""
        self.now_s += self._step_s
        return self.now_s
