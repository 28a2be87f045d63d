"""The schedule, with clocks that are put forward and back."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from jobs.retraining.schedule import Due, Schedule, next_moment

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def berlin(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    """Return a moment of 2026 by the clocks of Berlin, in UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (berlin(11, 22, 2, 59), berlin(11, 22, 3)),
        (berlin(11, 22, 3), berlin(11, 23, 3)),
        (berlin(11, 22, 23, 30), berlin(11, 23, 3)),
        (berlin(12, 31, 12), datetime(2027, 1, 1, 2, tzinfo=UTC)),
    ],
)
def test_the_next_moment_is_the_next_on_the_clock(now: datetime, expected: datetime) -> None:
    """Today if it is still to come, else tomorrow; never now."""
    assert expected == next_moment(now, time(3), BERLIN)


def test_a_night_has_one_moment_when_the_clock_changes() -> None:
    """Put forward past it on 29 March, shown twice on 25 October."""
    at = time(2, 30)

    assert berlin(3, 29, 3, 30) == next_moment(berlin(3, 28, 12), at, BERLIN)
    assert berlin(3, 30, 2, 30) == next_moment(berlin(3, 29, 3, 30), at, BERLIN)
    assert berlin(10, 25, 2, 30) == next_moment(berlin(10, 24, 12), at, BERLIN)
    assert berlin(10, 26, 2, 30) == next_moment(berlin(10, 25, 2, 30), at, BERLIN)


@pytest.mark.parametrize("zone", [UTC, BERLIN, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Niue"), None])
def test_moments_are_a_day_apart_anywhere(zone: tzinfo | None) -> None:
    """Far from Greenwich too, where today is another day than in UTC."""
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)

    for _ in range(5):
        later = next_moment(moment, time(23, 59), zone)
        assert timedelta(0) < later - moment <= 25 * HOUR
        assert 23 == later.astimezone(zone).hour
        assert 59 == later.astimezone(zone).minute
        moment = later.astimezone(UTC)


def schedule(now: datetime, rebuild_s: float = 21_600.0) -> Schedule:
    """Return a schedule for three o'clock, here."""
    return Schedule.begin(now, time(3), rebuild_s)


def test_a_reindex_is_due_a_fixed_time_after_the_last_index() -> None:
    """A retrain builds an index too; a failed one does not."""
    now = next_moment(datetime(2026, 6, 1, tzinfo=UTC), time(12))
    planned = schedule(now)
    assert Due("reindex", now + 6 * HOUR) == planned.due

    planned.ended("reindex", now + 7 * HOUR, well=False)
    assert Due("reindex", now + 13 * HOUR) == planned.due
    planned.ended("reindex", now + 14 * HOUR, well=True)
    night = planned.due
    assert Due("retrain", now + 15 * HOUR) == night

    planned.ended("retrain", night.moment + HOUR, well=False)
    assert Due("reindex", now + 20 * HOUR) == planned.due
    planned.ended("retrain", night.moment + HOUR, well=True)
    assert Due("reindex", night.moment + 7 * HOUR) == planned.due


@pytest.mark.parametrize("rebuild_s", [float("inf"), 1e17])
def test_without_an_interval_there_are_only_retrains(rebuild_s: float) -> None:
    """A retrain that took longer than a day is not repeated at once."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    planned = schedule(now, rebuild_s)
    first = planned.due

    planned.ended("retrain", first.moment + 30 * HOUR, well=True)

    assert "retrain" == first.task
    assert "retrain" == planned.due.task
    assert 48 * HOUR == planned.due.moment - first.moment
