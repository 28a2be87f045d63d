"""The progress of background work on all users of a partition, logged at intervals."""

import logging
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)

PROGRESS_S = 3.0
"""Seconds between two log events of the progress."""


class WalkProgress:
    """The progress of one walk through a partition.

    Attributes:
        seen: Users scanned so far.
        refolded: Users folded again so far.
        n_users_about: About how many users there are.
    """

    def __init__(self, running: str, ended: str, fields: Mapping[str, object], n_users_about: int) -> None:
        """Begin a walk.

        Args:
            running: Name of the log event of its progress.
            ended: Name of the log event of its end.
            fields: Fields of both.
            n_users_about: About how many users the partition has.
        """
        self.seen = self.refolded = 0
        self.n_users_about = n_users_about
        self._running, self._ended, self._described = running, ended, fields
        self._began = self._logged_at = time.monotonic()

    def add(self, seen: int, refolded: int) -> None:
        """Add a group, and log the progress, unless it was logged just now."""
        self.seen, self.refolded = self.seen + seen, self.refolded + refolded
        if time.monotonic() - self._logged_at >= PROGRESS_S:
            self._logged_at = time.monotonic()
            log.info(self._running, extra={**self._fields(), "seen": self.seen, "of_about": self.n_users_about})

    def log_end(self) -> None:
        """Log that every user is folded."""
        log.info(self._ended, extra=self._fields())

    def _fields(self) -> dict[str, object]:
        seconds = round(time.monotonic() - self._began, 3)
        return {**self._described, "users": self.refolded, "seconds": seconds}
