"""What a signal is worth: by its type, and by how much of the item was listened to."""

from streams.records import Play
from streams.settings import Settings

SKIP = "skip"
SKIP_WORTH = -1.0
"""What a play that was cut short is worth where the settings name no skips."""


class Worth:
    """The worth of signals under some settings.

    Attributes:
        types: The types that a signal may have.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the settings once for many signals."""
        self._weights = settings.weights
        self.types = self._weights.keys()
        self._scaled, self._skip_below = settings.completion == "scale", settings.skip_below
        self._skip = self._weights.get(SKIP, SKIP_WORTH)

    def of(self, signal: Play) -> float:
        """Return what a signal is worth before any decay; below 0 if it speaks against the item.

        Completion is counted of plays alone: a like of a song that was cut short is a whole like.
        """
        worth = self._weights[signal.type]
        if signal.type != "play" or signal.ms_played is None or not signal.duration_ms:
            return worth
        completion = min(1.0, signal.ms_played / signal.duration_ms)
        if completion < self._skip_below:
            return self._skip
        return worth * completion if self._scaled else worth
