"""The pulse of a worker."""

import msgspec
import pytest

from streams.messages.pulse import Pulse
from streams.readers.latest_pulse import read_pulse
from streams.reference.examples import EXAMPLES
from streams.topics.topics import PULSE

WRITTEN = EXAMPLES[PULSE][0].record


def test_a_pulse_survives_its_encoding() -> None:
    """The reader returns the pulse that was written under its worker's name."""
    assert isinstance(WRITTEN, Pulse)
    assert read_pulse(WRITTEN.instance.encode(), msgspec.json.encode(WRITTEN)) == WRITTEN


@pytest.mark.parametrize(("key", "value"), [(b"other", msgspec.json.encode(WRITTEN)), (b"a", b"{}"), (b"a", None)])
def test_a_record_that_is_no_pulse_is_none(key: bytes, value: bytes | None) -> None:
    """Neither is one under the name of another worker."""
    assert read_pulse(key, value) is None
