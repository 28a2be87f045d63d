"""Made-up plays of listeners whose taste turns now and then: few enough that a setting is scored in no time."""

import numpy as np

from model.evaluation.event_log import Events, events_of
from model.objective import Objective

N_EVENTS, N_USERS, N_ITEMS, N_TASTES = 1000, 50, 150, 5
SMALL = Objective(factors=8, iterations=2)


def drawn_events(seed: int = 1, n_events: int = N_EVENTS) -> Events:
    """Return plays in time order; everybody plays early, and turns to another taste four times."""
    rng = np.random.default_rng(seed)
    users = np.concatenate((np.arange(N_USERS), rng.integers(0, N_USERS, n_events - N_USERS)))
    tastes = (users + np.arange(n_events) * 5 // n_events) % N_TASTES
    items = tastes * (N_ITEMS // N_TASTES) + (rng.pareto(0.8, n_events) % (N_ITEMS // N_TASTES)).astype(np.int64)
    times = np.sort(rng.integers(0, 90 * 86_400, n_events)).astype(np.uint32)
    return events_of(users, items.astype(np.uint64) * 977, times)
