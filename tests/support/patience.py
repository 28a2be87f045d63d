"""Bounds of waits, in seconds of a machine with a free core.

A bound ends a wait for something that never comes; it promises no time. Promises are asserted on measured times:
those in `tests/latency`, where no load stretches a bound, and those beside a clock of their test.
A machine whose cores are shared by several processes takes several times as long for the same work. The processes of
a test are part of the load, so a bound that stretches cannot tell a slow product from a busy machine.
"""

import os

STRETCH_MAX = 8.0


def stretched(seconds: float) -> float:
    """Return a bound for the present load: with three processes for each core, three times the seconds."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(load, 1.0), STRETCH_MAX)
