"""The time as of which an event counts."""

import pytest

from streams.event_time import CLOCK_SKEW_MS, counted_at_ms

NOW_MS = 1_800_000_000_000
ARRIVED_MS = NOW_MS - 5_000
DAY_MS = 86_400_000


@pytest.mark.parametrize("played_at_ms", [631_152_000_000, ARRIVED_MS - DAY_MS, ARRIVED_MS])
def test_an_event_of_the_past_counts_at_its_own_time(played_at_ms: int) -> None:
    """However old it is."""
    assert played_at_ms == counted_at_ms(played_at_ms, ARRIVED_MS, NOW_MS)


@pytest.mark.parametrize("ahead_ms", [1, 60_000, DAY_MS, 70 * 365 * DAY_MS])
def test_an_event_of_the_future_counts_as_of_its_arrival(ahead_ms: int) -> None:
    """So the result is the same when the topic is read again later."""
    assert ARRIVED_MS == counted_at_ms(ARRIVED_MS + ahead_ms, ARRIVED_MS, NOW_MS)
    assert ARRIVED_MS == counted_at_ms(ARRIVED_MS + ahead_ms, ARRIVED_MS, NOW_MS + 7 * DAY_MS)


@pytest.mark.parametrize(
    "arrived_at_ms", [-1, 0, NOW_MS // 1000, NOW_MS + CLOCK_SKEW_MS + 1, NOW_MS + 70 * 365 * DAY_MS]
)
def test_without_a_credible_arrival_the_clock_decides(arrived_at_ms: int) -> None:
    """A producer may write no timestamp, one in seconds, or one of the future."""
    assert NOW_MS == counted_at_ms(NOW_MS + 365 * DAY_MS, arrived_at_ms, NOW_MS)
    assert NOW_MS - DAY_MS == counted_at_ms(NOW_MS - DAY_MS, arrived_at_ms, NOW_MS)


def test_a_producer_whose_clock_is_a_little_ahead_names_the_arrival() -> None:
    """The clocks of two machines differ by milliseconds, and a second reading gives the same time."""
    arrived_ms = NOW_MS + 200

    assert arrived_ms == counted_at_ms(NOW_MS + DAY_MS, arrived_ms, NOW_MS)
    assert arrived_ms == counted_at_ms(NOW_MS + DAY_MS, arrived_ms, NOW_MS + DAY_MS)
