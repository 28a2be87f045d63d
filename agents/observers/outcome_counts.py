"""Events by outcome, counted since the worker was started."""

import numpy as np

from agents.group_context import GroupContext
from model.arrays import Codes
from state.generations.generation import Generation
from state.users.admission import OUTCOMES
from state.users.event_columns import EventColumns
from state.users.record_batch import UserRecords


class OutcomeCounts:
    """Counts events by outcome; one thread counts, others may read.

    A group that is folded again after a failure is counted again.

    Attributes:
        n_events: Events by the names of `state.users.admission.OUTCOMES`.
    """

    def __init__(self) -> None:
        self.n_events = dict.fromkeys(OUTCOMES, 0)

    def generation_swapped(self, generation: Generation) -> None:
        """Go on: outcomes do not depend on the generation."""

    def revision_swapped(self, generation: Generation) -> None:
        """Go on: outcomes do not depend on the revision."""

    def learned(self, context: GroupContext, before: UserRecords, events: EventColumns, outcomes: Codes) -> None:  # noqa: ARG002  the observers' signature
        """Count the events of a group."""
        self.count(outcomes)

    def count(self, outcomes: Codes) -> None:
        """Count events."""
        counts = np.bincount(outcomes, minlength=len(OUTCOMES)).tolist()
        for outcome, n in zip(OUTCOMES, counts, strict=True):
            self.n_events[outcome] += n
