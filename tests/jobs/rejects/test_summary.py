"""Counts of rejected records by reason."""

from collections.abc import AsyncIterator

import pytest

from jobs.rejects.read import StoredReject
from jobs.rejects.summary import summarise
from streams.messages.records import RejectedPlay


def stored(number: int, reason: str, value: bytes | None = b"{}") -> StoredReject:
    """Return a reject, later than those with a smaller number."""
    reject = RejectedPlay(topic="plays", partition=1, offset=number, reason=reason, key=b"ann", value=value)
    return StoredReject(0, number, 1_700_000_000_000 + number, reject)


async def all_of(*rejects: StoredReject) -> AsyncIterator[StoredReject]:
    """Yield rejects as a topic does."""
    for reject in rejects:
        yield reject


async def test_numbers_and_quoted_values_do_not_matter() -> None:
    """A thousand wrong values are one reason."""
    rejects = [stored(number, f"the value has {5000 + number} bytes, more than 4096") for number in range(3)]

    summary = await summarise(all_of(*rejects, stored(3, "type: Invalid value 'x'")), "", 10)

    assert {"the value has N bytes, more than N": 3, "type: Invalid value '...'": 1} == summary.reasons
    assert 4 == summary.rejects


async def test_the_latest_come_first() -> None:
    """Only as many as are wanted are in memory, of any number of rejects."""
    summary = await summarise(all_of(*(stored(number, "wrong") for number in range(1000))), "", 3)

    assert [999, 998, 997] == [sample.offset for sample in summary.latest]
    assert {"wrong": 1000} == summary.reasons


async def test_a_reason_may_be_chosen() -> None:
    """By a text that it contains."""
    summary = await summarise(all_of(stored(1, "the key is wrong"), stored(2, "no JSON")), "key", 10)

    assert [1] == [sample.offset for sample in summary.latest]


@pytest.mark.parametrize(
    ("value", "shown"), [(None, None), (b"\xff\x1b[2J", "\\xff?[2J"), (b"x" * 300, "x" * 200 + "...")]
)
async def test_a_sample_cannot_control_a_terminal(value: bytes | None, shown: str | None) -> None:
    """Nor fill it; of a private play there is nothing to show."""
    summary = await summarise(all_of(stored(1, "wrong", value)), "", 1)

    assert [shown] == [sample.value for sample in summary.latest]


async def test_reasons_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones count as others."""
    monkeypatch.setattr("jobs.rejects.summary.REASONS_MAX", 1)

    summary = await summarise(all_of(stored(1, "a"), stored(2, "b"), stored(3, "a")), "", 0)

    assert {"a": 2, "other reasons": 1} == summary.reasons


async def test_a_reason_cannot_control_a_terminal() -> None:
    """It may quote a type that a producer wrote."""
    summary = await summarise(all_of(stored(1, "type: \x1b[2J is none of play")), "", 1)

    assert {"type: ?[NJ is none of play": 1} == summary.reasons
    assert ["type: ?[2J is none of play"] == [sample.reason for sample in summary.latest]
