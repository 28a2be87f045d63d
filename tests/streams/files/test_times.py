"""Local times, and the hours that clocks repeat or leave out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.files.times import LocalTimes, NoTimezoneError, epoch_ms, local_ms, moment_ms, number_ms

OSLO = ZoneInfo("Europe/Oslo")


def utc_ms(*moment: int) -> int:
    """Return a time in UTC as milliseconds since 1970."""
    return epoch_ms(datetime(*moment, tzinfo=UTC))  # type: ignore[misc,arg-type]


def test_an_hour_that_occurs_twice_is_the_first() -> None:
    """On 29 October 2023 the clocks of Oslo went from 3 back to 2."""
    times = LocalTimes(OSLO)

    assert utc_ms(2023, 10, 29, 0, 30) == moment_ms("2023-10-29 02:30:00", times)
    assert 1 == times.n_ambiguous
    assert 0 == times.n_missing


def test_an_hour_that_does_not_exist_is_moved_on() -> None:
    """On 26 March 2023 they went from 2 on to 3: half past two is half past three."""
    times = LocalTimes(OSLO)

    assert utc_ms(2023, 3, 26, 1, 30) == moment_ms("2023-03-26 02:30:00", times)
    assert 0 == times.n_ambiguous
    assert 1 == times.n_missing


def test_ordinary_times_are_counted_as_neither() -> None:
    """In summer and in winter."""
    times = LocalTimes(OSLO)

    assert utc_ms(2023, 7, 1, 10) == moment_ms("2023-07-01T12:00", times)
    assert utc_ms(2023, 1, 1, 11) == local_ms("01 Jan 2023, 12:00", ("%d %b %Y, %H:%M",), times)
    assert 0 == times.n_ambiguous
    assert 0 == times.n_missing


def test_a_local_time_without_a_zone_is_an_error() -> None:
    """A time with its own zone needs none."""
    with pytest.raises(NoTimezoneError):
        moment_ms("2023-07-01T12:00", LocalTimes())
    assert utc_ms(2023, 7, 1, 10) == moment_ms("2023-07-01T12:00+02:00", LocalTimes())


@pytest.mark.parametrize("text", ["", "x", "2023-13-01", "0001-01-01T00:00", "9999-12-31T23:59:59-23:00"])
def test_other_texts_are_no_times(text: str) -> None:
    """Or far out of range; no text raises another error."""
    at_ms = moment_ms(text, LocalTimes(ZoneInfo("Asia/Tokyo")))

    assert at_ms is None or not 0 < at_ms < utc_ms(2100, 1, 1)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_finite_number_is_no_time(number: float) -> None:
    """Neither a time nor an error."""
    assert None is number_ms(number)
