"""Formats of numbers and errors in messages."""

import pytest

from streams.process.format_text import decode_reason, format_duration, pluralize


@pytest.mark.parametrize(
    ("duration_ms", "expected"),
    [
        (-5, "0.0 s"),
        (1_500, "1.5 s"),
        (59_999, "60.0 s"),
        (90_000, "1.5 min"),
        (5_400_000, "1.5 h"),
        (216_000_000, "2.5 days"),
    ],
)
def test_a_duration_has_its_largest_unit(duration_ms: float, expected: str) -> None:
    """One decimal place; a negative duration is 0."""
    assert expected == format_duration(duration_ms)


@pytest.mark.parametrize(("n", "expected"), [(0, "0 plays"), (1, "1 play"), (2_000, "2,000 plays")])
def test_a_count_has_its_noun(n: int, expected: str) -> None:
    """Only 1 takes the singular."""
    assert expected == pluralize(n, "play")


def test_a_reason_is_bounded() -> None:
    """A decoder may quote a long value."""
    assert "x" * 200 == decode_reason(ValueError("x" * 1000))
    assert "xxx" == decode_reason(ValueError("`xxxx`"), length_max=3)
