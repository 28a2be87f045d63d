"""How many requests a client may send."""

from hypothesis import given
from hypothesis import strategies as st

from web.server.rate_limit import BURST_S, CLIENTS_MAX, RateLimit


def test_without_a_limit_everybody_may() -> None:
    """0 is none; nobody is remembered."""
    rates = RateLimit(0)

    assert {0} == {rates.wait_s("a", 0.0) for _ in range(10_000)}


def test_a_client_may_send_a_burst_and_then_so_many_a_second() -> None:
    """Twice the rate at once; then it is told how many whole seconds to wait, and may again after these."""
    rates = RateLimit(2)

    assert [0, 0, 0, 0, 1] == [rates.wait_s("a", 10.0) for _ in range(5)]
    assert [0, 1] == [rates.wait_s("a", 10.5) for _ in range(2)]
    assert [0, 0, 1] == [rates.wait_s("a", 11.5) for _ in range(3)]
    assert [0, 0, 0, 0, 1] == [rates.wait_s("a", 1000.0) for _ in range(5)]


def test_one_client_takes_nothing_from_another() -> None:
    """Each has a bucket of its own."""
    rates = RateLimit(1)

    assert [0, 0, 1] == [rates.wait_s("a", 0.0) for _ in range(3)]
    assert [0, 0, 1] == [rates.wait_s("b", 0.0) for _ in range(3)]


def test_less_than_one_a_second_is_a_rate() -> None:
    """One every four seconds, and the time to wait says so."""
    rates = RateLimit(0.25)

    assert [0, 4] == [rates.wait_s("a", 0.0) for _ in range(2)]
    assert [1, 0] == [rates.wait_s("a", 3.5), rates.wait_s("a", 4.0)]


def test_so_many_clients_are_remembered_and_no_more() -> None:
    """A flood of addresses takes no memory; the latest are remembered, and the oldest begin anew."""
    rates = RateLimit(0.5)
    for number in range(CLIENTS_MAX):
        assert rates.wait_s(f"c{number}", 0.0) == 0
    assert rates.wait_s("c0", 0.0) > 0

    assert rates.wait_s("one more", 0.0) == 0

    assert len(rates._buckets) == CLIENTS_MAX  # noqa: SLF001  that it is bounded is the claim
    assert rates.wait_s("c0", 0.0) > 0
    assert rates.wait_s("c1", 0.0) == 0


@given(st.floats(0.5, 50), st.lists(st.floats(0, 3), max_size=200))
def test_never_more_than_the_rate_allows(per_s: float, pauses: list[float]) -> None:
    """In any order of requests, no more pass than a burst and the rate since then allow."""
    rates, now_s, passed = RateLimit(per_s), 0.0, 0
    for pause in pauses:
        now_s += pause
        passed += rates.wait_s("a", now_s) == 0

    assert passed <= max(1.0, per_s * BURST_S) + per_s * now_s + 1e-6
