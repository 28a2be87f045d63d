"""The weight of a signal: by its type, and by the share of the item that the listener heard."""

from typing import NamedTuple

from streams.settings.users import SignalSettings

PLAY, SKIP = "play", "skip"
SKIP_WEIGHT = -1.0
"""The weight of a play that was cut short, if the settings name no type `skip`."""


class Worth(NamedTuple):
    """The worth of a signal."""

    weight: float
    """Before any decay; below 0 if it speaks against the item."""
    is_play: bool
    """Whether it makes earlier signals one play older."""

    @property
    def is_nothing(self) -> bool:
        """Return whether it changes nothing: a play of which nothing was heard."""
        return self.weight == 0 and not self.is_play


NOTHING = Worth(0.0, is_play=False)


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
        self._skip = Worth(self._weights.get(SKIP, SKIP_WEIGHT), is_play=False)
        self._whole = {kind: Worth(weight, kind == PLAY) for kind, weight in self._weights.items()}

    def worth(self, kind: str, ms_played: int | None = None, duration_ms: int | None = None) -> Worth:
        """Return the worth of a signal.

        Completion scales plays only: a like of a song that was cut short has its whole weight.
        A play of 0 ms is worth nothing and ages nothing. A play below `skip_below` is a skip, and ages nothing either.

        Args:
            kind: Its type, one of `types`.
            ms_played: Milliseconds that the listener heard, if known.
            duration_ms: Duration of the item in milliseconds, if known.
        """
        whole = self._whole[kind]
        if kind != PLAY or ms_played is None or not (self._scaled or self._skip_below):
            return whole
        if not duration_ms:
            return whole if ms_played else NOTHING
        completion = min(1.0, ms_played / duration_ms)
        if completion < self._skip_below:
            return self._skip
        if not ms_played:
            return NOTHING
        return Worth(whole.weight * completion, is_play=True) if self._scaled else whole
