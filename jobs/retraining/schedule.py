"""The schedule of retrains and reindexes."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

Task = Literal["retrain", "reindex"]


class Due(NamedTuple):
    """The next task and its moment."""

    task: Task
    moment: datetime


def next_moment(now: datetime, at: time, zone: tzinfo | None = None) -> datetime:
    """Return the first moment after `now` at which the local time is `at`, in UTC.

    If the clock is put forward past `at`, it is the moment at which the old time would have shown `at`. If the clock
    shows `at` twice in a night, only one of the two counts.

    Args:
        now: With a time zone.
        at: A time of the day.
        zone: The time zone of `at`; the machine's if left out.

    >>> next_moment(datetime(2026, 11, 22, 3, 0, tzinfo=UTC), time(3), UTC)
    datetime.datetime(2026, 11, 23, 3, 0, tzinfo=datetime.timezone.utc)
    """
    today = now.astimezone(zone).date()
    shown = (datetime.combine(today + timedelta(days=days), at, zone).astimezone(UTC) for days in range(3))
    return next(moment for moment in shown if moment > now)


@dataclass
class Schedule:
    """A retrain every night, and a reindex a fixed time after the last retrain or reindex."""

    at: time
    rebuild_s: float
    next_night: datetime
    next_rebuild: datetime | None

    @classmethod
    def begin(cls, now: datetime, at: time, rebuild_s: float) -> "Schedule":
        """Start a schedule; nothing is due at once."""
        return cls(at, rebuild_s, next_moment(now, at), _later(now, rebuild_s))

    @property
    def due(self) -> Due:
        """Return the next task; a retrain comes before a reindex at the same moment, because it builds an index too."""
        if self.next_rebuild is None or self.next_night <= self.next_rebuild:
            return Due("retrain", self.next_night)
        return Due("reindex", self.next_rebuild)

    def ended(self, task: Task, now: datetime, *, well: bool) -> None:
        """Schedule the next task after one ended; a failed task is retried at its next regular moment.

        Retrains that were missed, during another one or while the machine slept, are skipped.
        """
        if task == "retrain":
            self.next_night = next_moment(now, self.at)
        if task == "reindex" or well:
            self.next_rebuild = _later(now, self.rebuild_s)


def _later(now: datetime, seconds: float) -> datetime | None:
    """Return the moment `seconds` later, None for an unlimited time."""
    return now + timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() / 2 else None
