"""The weight of a signal: by its type, and by the share of the item that the listener heard."""

from streams.settings.users import SignalSettings

PLAY, SKIP = "play", "skip"
SKIP_WEIGHT = -1.0
"""The weight of a play that was cut short, if the settings name no type `skip`."""


class SignalWeights:
    """The weights of signals under some settings.

    Attributes:
        types: The types that a signal may have.
    """

    def __init__(self, signals: SignalSettings) -> None:
        """Read the settings once for many signals."""
        self._weights = signals.weights
        self.types = self._weights.keys()
        self._scaled, self._skip_below = signals.completion == "scale", signals.skip_below
        self._skip = self._weights.get(SKIP, SKIP_WEIGHT)

    def weight(self, kind: str, ms_played: int | None = None, duration_ms: int | None = None) -> float:
        """Return the weight of a signal before any decay; below 0 if it speaks against the item.

        Completion scales plays only: a like of a song that was cut short has its whole weight.

        Args:
            kind: Its type, one of `types`.
            ms_played: Milliseconds that the listener heard, if known.
            duration_ms: Duration of the item in milliseconds, if known.
        """
        weight = self._weights[kind]
        if kind != PLAY or ms_played is None or not duration_ms:
            return weight
        completion = min(1.0, ms_played / duration_ms)
        if completion < self._skip_below:
            return self._skip
        return weight * completion if self._scaled else weight
