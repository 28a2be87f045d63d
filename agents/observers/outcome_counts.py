"""What became of events, counted since the worker was started."""

import numpy as np

from model.arrays import Codes
from state.users.learn import OUTCOMES


class Tally:
    """Counts events by what became of them; one thread counts, others may read.

    A group that is done again after a failure is counted again.

    Attributes:
        n_events: Events by the names of `state.users.learn.OUTCOMES`.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.n_events = dict.fromkeys(OUTCOMES, 0)

    def count(self, outcomes: Codes) -> None:
        """Count the events of a group."""
        found = np.bincount(outcomes, minlength=len(OUTCOMES)).tolist()
        for outcome, n in zip(OUTCOMES, found, strict=True):
            self.n_events[outcome] += n
