"""When the next generation is due, and when the next revision of the index."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

Task = Literal["retrain", "reindex"]


class Due(NamedTuple):
    """What comes next, and when."""

    task: Task
    moment: datetime


def next_moment(now: datetime, at: time, zone: tzinfo | None = None) -> datetime:
    """Return the first moment after `now` at which the clock on the wall shows `at`, in UTC.

    A night in which the clock is put forward past it has none; then it is the moment at which it would have been. A
    night in which the clock shows it twice has it once.

    Args:
        now: With a time zone.
        at: A time of the day.
        zone: Where the clock hangs; here if left out.

    >>> next_moment(datetime(2026, 11, 22, 3, 0, tzinfo=UTC), time(3), UTC)
    datetime.datetime(2026, 11, 23, 3, 0, tzinfo=datetime.timezone.utc)
    """
    today = now.astimezone(zone).date()
    shown = (datetime.combine(today + timedelta(days=days), at, zone).astimezone(UTC) for days in range(3))
    return next(moment for moment in shown if moment > now)


@dataclass
class Agenda:
    """What a resident does: a generation a night, and a new revision of the index so long after whichever was last."""

    at: time
    rebuild_s: float
    next_night: datetime
    next_rebuild: datetime | None

    @classmethod
    def begin(cls, now: datetime, at: time, rebuild_s: float) -> "Agenda":
        """Begin now; nothing is due at once."""
        return cls(at, rebuild_s, next_moment(now, at), _later(now, rebuild_s))

    @property
    def due(self) -> Due:
        """Return what comes next; a night goes first, for it makes an index too."""
        if self.next_rebuild is None or self.next_night <= self.next_rebuild:
            return Due("retrain", self.next_night)
        return Due("reindex", self.next_rebuild)

    def ended(self, task: Task, now: datetime, *, well: bool) -> None:
        """Take note that a task ended. What went wrong is tried again when it would be due anyway.

        Nights missed while one ran, or while the machine slept, are not made up for.
        """
        if task == "retrain":
            self.next_night = next_moment(now, self.at)
        if task == "reindex" or well:
            self.next_rebuild = _later(now, self.rebuild_s)


def _later(now: datetime, seconds: float) -> datetime | None:
    """Return the moment after so many seconds, None for one that never comes."""
    return now + timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() / 2 else None
