"""The scored events of a split, in the order in which rankings return them."""

import numpy as np

from model.arrays import Starts
from model.evaluation.event_log import Split
from model.ragged import RaggedRows, ragged_rows


def scored_in_time(split: Split) -> Starts:
    """Return the scored events in the order of time."""
    scored = np.flatnonzero(split.scored)
    return scored[np.argsort(split.places[scored])]


def known_before(split: Split, events: Starts) -> RaggedRows:
    """Return the item rows that the listener of each event knew before it."""
    return ragged_rows([split.rows[split.starts[split.users[event]] : event] for event in events])
