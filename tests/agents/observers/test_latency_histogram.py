"""How long plays took, beside the delays themselves."""

import numpy as np
import pytest

from agents.observers.latency_histogram import DOUBLINGS, PER_DOUBLING, LatencyHistogram


def test_a_share_is_found_within_a_step() -> None:
    """Never too low, and at most a step too high."""
    delays, drawn_ms = LatencyHistogram(), np.random.default_rng(0).lognormal(3, 1, 5000) + 1
    for part in np.array_split(drawn_ms, 7):
        delays.add(part)

    p50, p99 = delays.take(0.5, 0.99)

    assert p50 is not None
    assert p99 is not None
    for estimate, exact in ((p50, np.quantile(drawn_ms, 0.5)), (p99, np.quantile(drawn_ms, 0.99))):
        assert exact <= 1.01 * estimate
        assert estimate <= 1.01 * exact * 2 ** (1 / PER_DOUBLING)


def test_what_was_told_is_not_told_again() -> None:
    """A pulse tells of the plays since the one before."""
    delays = LatencyHistogram()
    delays.add([100.0])

    assert [107.6] == delays.take(0.5)
    assert [None, None] == delays.take(0.5, 0.99)


@pytest.mark.parametrize(
    ("delay", "expected"), [(-5.0, 1.0), (0.0, 1.0), (1.0, 1.0), (1e15, pytest.approx(2**31.9, rel=0.1))]
)
def test_odd_delays_are_counted(delay: float, expected: float) -> None:
    """Two clocks may differ, and a play may have waited for weeks."""
    delays = LatencyHistogram()
    delays.add([delay])

    assert [expected] == delays.take(0.99)


def test_all_delays_are_counted_up_to_every_doubling() -> None:
    """Exactly, at the bounds too, and independently of the pulses in between."""
    delays, drawn_ms = LatencyHistogram(), np.random.default_rng(1).lognormal(3, 3, 5000) + 1
    drawn_ms[:3] = [1.0, 16.0, 1024.0]
    for part in np.array_split(drawn_ms, 5):
        delays.add(part)
        delays.take(0.5)

    counted = delays.all()

    assert {2**k / 1000: int(np.sum(drawn_ms <= 2**k)) for k in range(DOUBLINGS)} == counted.up_to
    assert 5000 == counted.n > counted.up_to[65.536]
    assert drawn_ms.sum() / 1000 == pytest.approx(counted.sum_s)


def test_no_delays_are_a_histogram_too() -> None:
    """Of nothing: a rate is then told from the first play on."""
    counted = LatencyHistogram().all()

    assert {0} == set(counted.up_to.values())
    assert 0 == counted.n
    assert 0.0 == counted.sum_s
