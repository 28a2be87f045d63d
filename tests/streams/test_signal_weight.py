"""The weights of signals under the settings."""

import pytest

from streams.settings import Settings
from streams.signal_weight import SignalWeights
from tests.support.settings import settings_with

WEIGHTS = "play=2,like=3,skip=-1.5,purchase=10"


def worth(settings: Settings, kind: str = "play", ms_played: int | None = None, ms: int | None = None) -> float:
    """Return the weight of a signal."""
    return SignalWeights(settings.signals).worth(kind, ms_played, ms).weight


@pytest.mark.parametrize(("kind", "expected"), [("play", 2), ("like", 3), ("skip", -1.5), ("purchase", 10)])
def test_the_settings_say_what_a_type_is_worth(kind: str, expected: float) -> None:
    """Types of the operator's own, too; below 0 it speaks against the item."""
    settings = settings_with(event_weights=WEIGHTS)

    assert expected == worth(settings, kind)
    assert {"play", "like", "skip", "purchase"} == set(SignalWeights(settings.signals).types)


@pytest.mark.parametrize(
    ("ms_played", "duration_ms", "expected"),
    [(50, 200, 0.5), (200, 200, 2), (300, 200, 2), (0, 200, 0), (None, 200, 2), (50, None, 2), (50, 0, 2)],
)
def test_a_play_is_worth_what_was_listened_to(ms_played: int | None, duration_ms: int | None, expected: float) -> None:
    """Where both are known and it is wished; never more than a whole play."""
    settings = settings_with(event_weights=WEIGHTS)

    assert expected == worth(settings, "play", ms_played, duration_ms)
    assert 2 == worth(settings_with(event_weights=WEIGHTS, completion="ignore"), "play", ms_played, duration_ms)
    assert 3 == worth(settings, "like", ms_played, duration_ms)


def test_a_play_that_was_cut_short_is_a_skip_if_so_wished() -> None:
    """Of the worth that skips have, or of one if they have none."""
    settings = settings_with(event_weights=WEIGHTS, skip_below=0.1)

    assert (-1.5) == worth(settings, "play", 19, 200)
    assert 0.2 == worth(settings, "play", 20, 200)
    assert -1 == worth(settings_with(event_weights="play=1", skip_below=0.1), "play", 19, 200)
