"""What a signal is worth: by its type, and by how much of the item was listened to."""

from streams.settings.users import SignalSettings

PLAY, SKIP = "play", "skip"
SKIP_WORTH = -1.0
"""What a play that was cut short is worth where the settings name no skips."""


class Worth:
    """The worth of signals under some settings.

    Attributes:
        types: The types that a signal may have.
    """

    def __init__(self, signals: SignalSettings) -> None:
        """Read the settings once for many signals."""
        self._weights = signals.weights
        self.types = self._weights.keys()
        self._scaled, self._skip_below = signals.completion == "scale", signals.skip_below
        self._skip = self._weights.get(SKIP, SKIP_WORTH)

    def of(self, kind: str, ms_played: int | None = None, duration_ms: int | None = None) -> float:
        """Return what a signal is worth before any decay; below 0 if it speaks against the item.

        Completion is counted of plays alone: a like of a song that was cut short is a whole like.

        Args:
            kind: Its type, one of `types`.
            ms_played: How long was listened to, in milliseconds, if that is known.
            duration_ms: How long the item lasts, in milliseconds, if that is known.
        """
        worth = self._weights[kind]
        if kind != PLAY or ms_played is None or not duration_ms:
            return worth
        completion = min(1.0, ms_played / duration_ms)
        if completion < self._skip_below:
            return self._skip
        return worth * completion if self._scaled else worth
