"""Records as they arrived, counted."""

from collections import Counter

from agents.observers.arrival_counts import ArrivalCounts, Arrivals


def test_groups_add_up() -> None:
    """Every field, and every odd hint by its name."""
    counts = ArrivalCounts()

    for _ in range(2):
        counts.add(Arrivals(10, 1, 2, 3, Counter(private=4, duration_ms=5)))

    assert {"records": 20, "rejected": 2, "misplaced": 4, "ahead": 6} == counts.counts
    assert {"type": 0, "play_id": 0, "ms_played": 0, "duration_ms": 10, "private": 8} == counts.odd_hints
