"""The events whose outcomes are awaited."""

from hypothesis import given
from hypothesis import strategies as st

from streams.messages.outcomes import AwaitedOutcomes
from streams.messages.pulse import OutcomeSpan


def span(first: int, *runs: tuple[str, int]) -> OutcomeSpan:
    """Return outcomes of partition 0."""
    return OutcomeSpan.of(0, first, list(runs))


def test_only_awaited_events_count_each_once() -> None:
    """The first report on an event is the one of its effect."""
    awaited = AwaitedOutcomes()
    awaited.expect(0, 10, 15)
    awaited.expect(0, 15, 20)
    awaited.expect(1, 0, 5)

    awaited.take([span(5, ("learnt", 7), ("capped", 2)), span(10, ("redelivered", 4)), span(18, ("rejected", 9))])

    assert {"learnt": 2, "capped": 2, "rejected": 2} == awaited.counts
    assert 5 + 4 == awaited.n_awaited


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=8),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=9),
)
def test_ranges_count_as_single_offsets_would(expected: list[tuple[int, int]], reported: list[tuple[int, int]]) -> None:
    """In any overlap."""
    awaited, offsets, n = AwaitedOutcomes(), set[int](), 0
    for first, length in expected:
        new = set(range(first, first + length)) - offsets
        for offset in sorted(new):
            awaited.expect(0, offset, offset + 1)
        offsets |= new
    for first, length in reported:
        awaited.take([span(first, ("learnt", length))])
        n += len(offsets & set(range(first, first + length)))
        offsets -= set(range(first, first + length))

    assert n == awaited.counts.total()
    assert len(offsets) == awaited.n_awaited
