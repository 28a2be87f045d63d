"""Events counted by outcome."""

import numpy as np

from agents.observers.outcome_counts import OutcomeCounts
from state.users.admission import OUTCOMES


def test_every_outcome_is_counted_from_zero() -> None:
    """Also those that never occurred, so that a metric exists before its first event."""
    counts = OutcomeCounts()

    assert dict.fromkeys(OUTCOMES, 0) == counts.n_events


def test_groups_add_up() -> None:
    """Each event counts once."""
    counts = OutcomeCounts()
    learnt, paused = OUTCOMES.index("learnt"), OUTCOMES.index("paused")

    counts.count(np.array([learnt, learnt, paused], np.uint8))
    counts.count(np.array([learnt], np.uint8))

    assert 3 == counts.n_events["learnt"]
    assert 1 == counts.n_events["paused"]
    assert 4 == sum(counts.n_events.values())
