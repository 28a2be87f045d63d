"""Settings of signals."""

import pytest

from streams.settings import SettingsError, read_settings
from tests.support.settings import settings_with


def test_event_weights_are_read_by_type() -> None:
    """A weight may be negative."""
    signals = settings_with(event_weights="play=1,like=2.5,skip=-1").signals

    assert {"play": 1.0, "like": 2.5, "skip": -1.0} == signals.weights


@pytest.mark.parametrize("text", ["like=2", "play=1,hide=2", "play=1,play=2"])
def test_event_weights_that_do_not_fit_are_a_sentence(text: str) -> None:
    """They lack `play`, name a fixed type, or name a type twice."""
    with pytest.raises(SettingsError) as caught:
        read_settings({"PLAYFOLD_EVENT_WEIGHTS": text})

    way_out = "name play and other types, each once, and none of forget, hide, pause, resume, shown, unhide."
    assert f"PLAYFOLD_EVENT_WEIGHTS is {text!r}, which does not fit: {way_out}" == str(caught.value)
